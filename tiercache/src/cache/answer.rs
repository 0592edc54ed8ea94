//! What a call is answered with, and what those have of it who waited.

use std::any::Any;
use std::sync::Arc;

use crate::l1::AnyEntry;
use crate::stats::Source;
use crate::value::shape::{Shape, SharedError};

use super::freshness::note_stale;
use super::request::Ending;

/// What a leader hands to its waiters.
#[derive(Clone)]
pub(crate) enum Shared {
    Value(Arc<AnyEntry>),
    /// A value past its life.
    Stale(Arc<AnyEntry>),
    Error(SharedError),
}

/// An output, and where it came from.
pub(super) struct Answer<O> {
    output: O,
    pub(super) source: Source,
    /// Whether it is a stale value, or was made with one.
    rests_on_stale: bool,
}

/// An answer, and what waiters may have of it.
pub(super) type Loaded<O> = (Answer<O>, Option<Shared>);

/// What a tier has, as an answer; `None` if it is no value of this shape.
pub(super) fn found<S: Shape>(entry: &Arc<AnyEntry>, source: Source) -> Option<Loaded<S::Output>> {
    let answer = Answer::from_entry::<S>(entry, source)?;
    let shared = if source == Source::Stale { Shared::Stale } else { Shared::Value };
    Some((answer, Some(shared(Arc::clone(entry)))))
}

/// Another caller's result as this call's answer.
pub(super) fn joined<S: Shape>(shared: &Shared) -> Option<Answer<S::Output>> {
    match shared {
        Shared::Value(entry) => Answer::from_entry::<S>(entry, Source::Joined),
        Shared::Stale(entry) => Answer::from_entry::<S>(entry, Source::Stale),
        Shared::Error(error) => Some(Answer::of(S::joined(&**error as &(dyn Any + Send + Sync))?, Source::Joined)),
    }
}

impl<O> Answer<O> {
    pub(super) fn of(output: O, source: Source) -> Self {
        Self { output, source, rests_on_stale: false }
    }

    /// What a body gave.
    pub(super) fn loaded(output: O, rests_on_stale: bool) -> Self {
        Self { output, source: Source::Loader, rests_on_stale }
    }

    /// What an entry holds.
    pub(super) fn from_entry<S: Shape<Output = O>>(entry: &AnyEntry, source: Source) -> Option<Self> {
        let output = entry.value().cloned().and_then(S::output)?;
        let rests_on_stale = source == Source::Stale || entry.deadlines().rests_on_stale;
        Some(Self { output, source, rests_on_stale })
    }

    /// Ends the request with it.
    pub(super) fn end(self, ending: Ending<'_>) -> O {
        if self.rests_on_stale {
            note_stale();
        }
        ending.with(self.source);
        self.output
    }
}
