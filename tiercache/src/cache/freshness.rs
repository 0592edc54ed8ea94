//! May an entry in memory be served without asking L2?
//!
//! It may while it is proved that no invalidation was missed: by its own load, or by a heartbeat since. When the proof has lapsed,
//! L2 is read, which proves it anew. When L2 does not answer either, the configured [`Freshness`] decides.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::coherence::watch::Pulse;
use crate::error::{Error, Result};
use crate::time::Proof;

/// What an instance that is cut off from L2 serves from memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Freshness {
    /// Nothing: every call runs its body.
    Strict,
    /// What was last proved fresh less than `degraded_l1_ttl` ago: memory shields the database, within bounds.
    #[default]
    Bounded,
    /// Everything within its `l1_ttl`.
    Available,
}

impl FromStr for Freshness {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "strict" => Ok(Self::Strict),
            "bounded" => Ok(Self::Bounded),
            "available" => Ok(Self::Available),
            _ => Err(Error::config(format!("`{name}` is no freshness: use strict, bounded or available"))),
        }
    }
}

/// How freshness is judged in one cache.
#[derive(Debug)]
pub(super) struct Judge {
    /// Without other instances, nothing can be missed.
    pub(super) pulse: Option<Arc<Pulse>>,
    pub(super) freshness: Freshness,
    pub(super) degraded_l1_ttl: Duration,
}

impl Judge {
    /// The last heartbeat, to be asked for *before* memory is looked into.
    #[inline]
    pub(super) fn latest(&self) -> Proof {
        self.pulse.as_ref().map_or_else(Proof::default, |pulse| pulse.latest())
    }

    /// Whether what was proved by itself at `own`, and by the heartbeat of `latest`, may be served at `now`.
    #[inline]
    pub(super) fn vouches(&self, own: Proof, latest: Proof, now: Proof) -> bool {
        let Some(pulse) = &self.pulse else { return true };
        is_above_floor(own) && (pulse.vouches(latest, now) || pulse.vouches(own, now))
    }

    /// The same while L2 does not answer.
    pub(super) fn tolerates(&self, own: Proof, latest: Proof, now: Proof) -> bool {
        // Also here: what the load around gives may go into L2, which may answer again by then.
        self.pulse.is_none() || (is_above_floor(own) && self.tolerates_stale(own, latest, now))
    }

    /// The same for a value past its life: what a load around makes of one goes into no L2.
    pub(super) fn tolerates_stale(&self, own: Proof, latest: Proof, now: Proof) -> bool {
        let Some(pulse) = &self.pulse else { return true };
        let proof = own.max(latest);
        match self.freshness {
            Freshness::Strict => pulse.vouches(proof, now),
            Freshness::Bounded => proof.is_within(self.degraded_l1_ttl, now),
            Freshness::Available => true,
        }
    }
}

thread_local! {
    /// When the innermost load that this thread is inside of began.
    static FLOOR: Cell<Option<Proof>> = const { Cell::new(None) };
    /// Whether that load has used a stale value.
    static USED_STALE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside of a load.
pub(super) fn is_inside() -> bool {
    FLOOR.get().is_some()
}

/// Inside a load, only what is proved later than its begin may be used. Else an outer function would store, for the whole fleet and a
/// whole life, what an inner one still had in memory while the news of its invalidation was under way.
#[inline]
fn is_above_floor(own: Proof) -> bool {
    FLOOR.get().is_none_or(|floor| own > floor)
}

/// Notes that the load around, if there is one, has used a stale value: what it gives is not stored in L2.
pub(super) fn note_stale() {
    USED_STALE.set(true);
}

/// Runs a body that begins at `begun`, once its load has the lease: the removals that do not void it came before that. Says as well
/// whether it has used a stale value.
pub(super) async fn inside<F: Future>(begun: Proof, body: Pin<&mut F>) -> (F::Output, bool) {
    with_floor(Some(begun), body).await
}

/// Runs a task that the load around waits for as a part of that load, whatever thread it is on.
pub(super) fn as_part<F: Future>(task: F) -> impl Future<Output = F::Output> {
    let floor = FLOOR.get();
    async move { with_floor(floor, pin!(task)).await.0 }
}

async fn with_floor<F: Future>(floor: Option<Proof>, mut body: Pin<&mut F>) -> (F::Output, bool) {
    let mut used_stale = false;
    let output = poll_fn(|cx| {
        let _inside = Inside { before: (FLOOR.replace(floor), USED_STALE.replace(false)) };
        let polled = body.as_mut().poll(cx);
        used_stale |= USED_STALE.get();
        polled
    })
    .await;
    (output, used_stale)
}

struct Inside {
    before: (Option<Proof>, bool),
}

impl Drop for Inside {
    fn drop(&mut self) {
        FLOOR.set(self.before.0);
        USED_STALE.set(self.before.1);
    }
}
