//! A write that stores what it has written.

use std::fmt;
use std::marker::PhantomData;

use crate::cache::{Committing, Writing};
use crate::error::Result;
use crate::value::Cacheable;

/// A write that has begun, by [`Entry::begin_write`](crate::Entry::begin_write): it holds the token by which the commit knows
/// whether it is the newest.
///
/// Dropped without [`commit`](Write::commit) or [`cancel`](Write::cancel) it invalidates the entry, for nobody knows whether anything was
/// written: in a task of the cache's own, and without an answer.
#[must_use = "a write that is dropped invalidates its entry: call `commit` or `cancel`"]
pub struct Write<T> {
    writing: Writing,
    value: PhantomData<fn(T)>,
}

impl<T: Cacheable> Write<T> {
    pub(super) fn of(writing: Writing) -> Self {
        Self { writing, value: PhantomData }
    }

    /// Stores what was written, in both tiers, and tells the other instances, all as one step of L2: if nobody else has written,
    /// invalidated or removed the entry since this write began. Otherwise the entry is left empty, and the next read loads it.
    ///
    /// Under [`WriteMode::Behind`](crate::WriteMode::Behind) only the value itself comes later: who writes, invalidates or removes the entry
    /// before it voids it.
    ///
    /// What cannot be stored (there was no token, L2 refuses it or is out of memory, the codec cannot encode it) is invalidated.
    ///
    /// # Errors
    ///
    /// As [`Cache::invalidate`](crate::Cache::invalidate): L2's error, if the entry could not even be invalidated. Then this process has
    /// forgotten the value, and L2 may still hold the older one.
    ///
    /// # Cancel safety
    ///
    /// Dropped after it was first polled, it is carried out all the same; before, the entry is invalidated.
    pub async fn commit(self, value: T) -> Result<()> {
        self.begin_commit(value).end().await
    }

    /// Says that nothing was written: what is cached stays.
    pub fn cancel(self) {
        self.writing.cancel();
    }

    /// Begins to commit, without waiting.
    pub(crate) fn begin_commit(self, value: T) -> Committing {
        self.writing.commit(value)
    }
}

impl<T> fmt::Debug for Write<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write").field("key", &self.writing.key()).finish_non_exhaustive()
    }
}
