//! How a cache is doing.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde::Serialize;

pub use crate::coherence::bus::BusHealth;
use crate::error::ErrorKind;

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
    /// It cannot be used now; calls go on without it.
    Down {
        /// What and where it is.
        store: String,
        /// Why.
        error: String,
    },
    /// It refuses us: wrong password, missing permission. This needs a person.
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
    /// Whether everything is as configured.
    pub fn is_good(&self) -> bool {
        let deaf = matches!(self.bus, BusHealth::Deaf { .. });
        matches!(self.l2, L2Health::None | L2Health::Up { .. }) && !deaf && self.notices.is_empty()
    }
}

impl Cache {
    /// Asks L2 whether it can be used, and gathers what a person should look at. Takes at most the L2 deadline.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn health(&self) -> Health {
        let mut notices = self.inner.notices.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        notices.extend(identity::conflicts());
        let (l2, bus) = (self.l2_health().await, self.inner.ear.health());
        Health { l2, bus, notices, loads_in_flight: self.flights().len() }
    }

    async fn l2_health(&self) -> L2Health {
        if self.inner.closed.load(Ordering::Acquire) {
            return L2Health::Closed;
        }
        let Some(guard) = &self.inner.l2 else { return L2Health::None };
        let (store, started) = (guard.describe(), Instant::now());
        match guard.ping().await {
            Ok(()) => L2Health::Up { store, took: started.elapsed() },
            Err(error) if error.kind() == ErrorKind::Refused => {
                L2Health::Misconfigured { store, error: error.to_string() }
            }
            Err(error) => L2Health::Down { store, error: error.to_string() },
        }
    }
}
