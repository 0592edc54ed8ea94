//! Which cache is current: the installed one, or that of the scope around.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cache::Cache;
use crate::error::{Error, Result};

static INSTALLED: OnceLock<Cache> = OnceLock::new();
/// Set by the first scope: programs without one pay a load of this.
static SCOPES: AtomicBool = AtomicBool::new(false);

thread_local! {
    static SCOPE: RefCell<Option<Cache>> = const { RefCell::new(None) };
}

impl Cache {
    /// Makes this the cache that the process's cached functions use.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Config` if one is installed already: it stays.
    pub fn install(&self) -> Result<()> {
        INSTALLED.set(self.clone()).map_err(|_| {
            Error::config("a cache is installed already: install once, at startup; tests use `cache.scope(..)` instead")
        })
    }

    /// The installed cache.
    pub fn installed() -> Option<Self> {
        INSTALLED.get().cloned()
    }

    /// Runs `future` with this cache in the place of the installed one, so that tests are apart from each other. Tasks that it
    /// spawns are outside.
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as `future`.
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let _inside = Inside::enter(Some(self.clone()));
            future.as_mut().poll(cx)
        })
        .await
    }
}

/// A cache is this thread's scope, until dropped; then what it was before.
pub(crate) struct Inside {
    before: Option<Cache>,
}

impl Inside {
    pub(crate) fn enter(cache: Option<Cache>) -> Self {
        SCOPES.store(true, Ordering::Release);
        Self { before: SCOPE.with(|scope| scope.replace(cache)) }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        SCOPE.with(|scope| scope.replace(self.before.take()));
    }
}

/// The scope's cache, if there is a scope around.
#[inline]
pub(crate) fn scoped() -> Option<Cache> {
    if SCOPES.load(Ordering::Acquire) { SCOPE.with(|scope| scope.borrow().clone()) } else { None }
}

/// The installed cache.
#[inline]
pub(crate) fn installed() -> Option<&'static Cache> {
    INSTALLED.get()
}
