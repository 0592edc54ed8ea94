//! What was promised, and what becomes of it when the server goes on from an older state.
//!
//! Such a rollback may undo a removal that was acknowledged, and with it the promise: the journals of the instances make it anew. So
//! a promise that may be undone is in doubt until an instance that knows of it has had the time to redo it: one that has made it, or
//! whose heartbeat has seen it in the log. If all of them are gone, nothing more is promised.

use super::history::Time;
use super::plan::MAX_STALENESS;

/// The time after which a heartbeat has seen what is in the log.
const HEARD: Time = MAX_STALENESS.as_millis() as Time / 4 + 150;
/// From a fault until nothing of it is left: L2 is asked again about once a second, and at first in vain.
const RECOVERY: Time = 2_800;
/// What finding a rollback takes, and redoing what it has undone: a heartbeat, the jitter, and some exchanges.
const REDO: Time = 1_200;

/// An acknowledged invalidation, or what stands for one.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    pub(super) key: usize,
    pub(super) versions: (u32, u32),
    pub(super) by: u32,
    /// When the write began that it belongs to.
    pub(super) begun: Time,
    pub(super) at: Time,
    doubt: Option<Doubt>,
}

/// It may be undone.
#[derive(Clone, Debug)]
struct Doubt {
    since: Time,
    /// The processes that will redo it.
    keepers: Vec<u32>,
}

/// A process, and since when it has met no fault.
pub(super) type Well = (u32, Time);

/// The server went on, at a time, from the state that it was in at an earlier one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rollback {
    pub(super) to: Time,
    pub(super) at: Time,
}

impl Promise {
    /// `last`: the last rollback before it was acknowledged.
    pub(super) fn new(
        (key, versions): (usize, (u32, u32)),
        by: u32,
        (begun, at): (Time, Time),
        last: Option<Rollback>,
    ) -> Self {
        let doubt = last.filter(|last| begun <= last.at).map(|_| Doubt { since: at, keepers: vec![by] });
        Self { key, versions, by, begun, at, doubt }
    }

    pub(super) fn is_in_doubt(&self) -> bool {
        self.doubt.is_some()
    }

    pub(super) fn roll_back(&mut self, rollback: Rollback, processes: &[Well]) {
        let keepers = match self.doubt.take() {
            Some(doubt) => doubt.keepers,
            None if self.at < rollback.to => return,
            None => {
                let heard =
                    |since: Time| since.saturating_add(RECOVERY) <= self.begun && self.at + HEARD <= rollback.at;
                let others = processes.iter().filter(|(_, since)| heard(*since)).map(|(process, _)| *process);
                others.chain([self.by]).collect()
            }
        };
        self.doubt = Some(Doubt { since: rollback.at, keepers });
    }

    /// Ends the doubt if it must have been redone by now: it counts as acknowledged now.
    pub(super) fn settle(&mut self, now: Time, processes: &[Well]) {
        let Some(doubt) = &self.doubt else { return };
        let is_redone = |(process, since): &Well| {
            doubt.keepers.contains(process)
                && doubt.since.max(since.saturating_add(RECOVERY)).saturating_add(REDO) <= now
        };
        if processes.iter().any(is_redone) {
            self.doubt = None;
            self.at = now;
        }
    }
}
