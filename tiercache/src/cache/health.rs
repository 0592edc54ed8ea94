//! How a cache is doing.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde::Serialize;

pub use crate::coherence::bus::BusHealth;
use crate::error::ErrorKind;
use crate::guard::{Guard, Phase, refuses};
use crate::stats::L2Counts;

use super::{Cache, identity};

/// What [`Cache::health`] found.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// The second tier.
    pub l2: L2Health,
    /// Whether news of other instances come at once, when L2 is shared. A lost connection is joined again within a second or so.
    pub bus: BusHealth,
    /// What a person should look at: functions that cannot be cached as asked, and why.
    pub notices: Vec<String>,
    /// Invalidations that L2 has not been told of yet, keys and groups.
    pub pending_invalidations: usize,
    /// Whether they wait because L2 could not be told. If not, they are queued, and on their way.
    pub invalidations_overdue: bool,
    /// Loads under way now.
    pub loads_in_flight: usize,
}

/// How the second tier is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum L2Health {
    /// None is configured.
    None,
    /// It answers.
    Up {
        /// What and where it is.
        store: String,
        /// How long it took.
        took: Duration,
    },
    /// It answers, but is out of memory: it is read, and told what is invalid, and values are kept in this process only.
    Full {
        /// What and where it is.
        store: String,
    },
    /// It has failed several times in a row. Calls go on without it and do not ask it; the cache does, about once a second.
    Open {
        /// What and where it is.
        store: String,
        /// What it failed of last.
        error: String,
    },
    /// The same, and it is being asked now.
    HalfOpen {
        /// What and where it is.
        store: String,
        /// What it failed of last.
        error: String,
    },
    /// It cannot be used now; calls go on without it.
    Down {
        /// What and where it is.
        store: String,
        /// Why.
        error: String,
    },
    /// It refuses us (wrong password), or one kind of operation (missing permission): then the others go on. This needs a person.
    Misconfigured {
        /// What and where it is.
        store: String,
        /// Why.
        error: String,
    },
    /// The cache was closed.
    Closed,
}

impl Health {
    /// Whether everything is as configured, and L2 knows of all that it could be told.
    pub fn is_good(&self) -> bool {
        let deaf = matches!(self.bus, BusHealth::Deaf { .. });
        matches!(self.l2, L2Health::None | L2Health::Up { .. })
            && !deaf
            && self.notices.is_empty()
            && !self.invalidations_overdue
    }
}

impl Cache {
    /// Asks L2 whether it can be used, and gathers what a person should look at. Takes at most the L2 deadline; an L2 that
    /// has failed several times is not asked.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn health(&self) -> Health {
        let mut notices = self.inner.notices.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        notices.extend(identity::conflicts());
        Health {
            l2: self.l2_health().await,
            bus: self.inner.ear.health(),
            notices,
            pending_invalidations: self.inner.pending.len(),
            invalidations_overdue: self.inner.pending.is_overdue(),
            loads_in_flight: self.flights().len(),
        }
    }

    /// How many tasks its own runtime has: for tests that look whether they become more and more.
    #[cfg(feature = "test-util")]
    #[doc(hidden)]
    pub fn tasks(&self) -> usize {
        self.inner.io.tasks()
    }

    /// What was done about trouble of L2.
    pub(super) fn l2_counts(&self) -> L2Counts {
        let counts = self.inner.l2.as_ref().map(Guard::counts).unwrap_or_default();
        let pending_invalidations = u64::try_from(self.inner.pending.len()).unwrap_or(u64::MAX);
        let unknown_news = self.inner.unknown_news.load(Ordering::Relaxed);
        let reclaimed = self.inner.reclaimed.load(Ordering::Relaxed);
        self.inner.behind.counted(L2Counts { unknown_news, pending_invalidations, reclaimed, ..counts })
    }

    async fn l2_health(&self) -> L2Health {
        if self.inner.closed.load(Ordering::Acquire) {
            return L2Health::Closed;
        }
        let Some(guard) = &self.inner.l2 else { return L2Health::None };
        let (store, started) = (guard.describe(), Instant::now());
        match guard.phase() {
            Phase::Open(cause) | Phase::HalfOpen(cause) if refuses(&cause) => {
                return L2Health::Misconfigured { store, error: cause.text };
            }
            Phase::Open(cause) => return L2Health::Open { store, error: cause.text },
            Phase::HalfOpen(cause) => return L2Health::HalfOpen { store, error: cause.text },
            Phase::Closed => {}
        }
        match guard.ping().await.and_then(|()| guard.permitted()) {
            Ok(()) if guard.is_full() => L2Health::Full { store },
            Ok(()) => L2Health::Up { store, took: started.elapsed() },
            Err(error) if matches!(error.kind(), ErrorKind::Refused | ErrorKind::Forbidden) => {
                L2Health::Misconfigured { store, error: error.to_string() }
            }
            Err(error) => L2Health::Down { store, error: error.to_string() },
        }
    }
}
