//! The journal: which invalidations the log has acknowledged, kept here for when Redis loses them.
//!
//! A failover and a restart from an old dump undo acknowledged writes: the log ends earlier than it did, and L2 holds again what was
//! removed since. Every instance keeps the last minute of the log; where the log lacks something of it, the instance redoes it. So a
//! message says all that is needed for it, and the promise holds also when who made the invalidation is gone.
//!
//! **Ids.** They come from the clock of the server that appends, so after a rollback they may be later than those that were lost (the
//! usual case), earlier, or the same ones with other messages. So an entry counts as there only if its id *and* message are, and anchors carry
//! a nonce to differ. An invalidation is taken as redone if the log has it under an id later than all that is known here: if the clock
//! went back, that overlooks what others have redone, which costs nothing but a second removal.
//!
//! **No overlap.** If the log has nothing that was seen in it, what was lost cannot be known: everything is invalidated. After a flush
//! that is free, as nothing is there. A log that was deleted or evicted alone looks the same, and makes the namespace cold once: that is the
//! price. A log that was trimmed is told apart before it comes to this (see `watch`): nothing is lost then.
//!
//! **What followed.** Who removes several things removes what others are computed from first. If that alone is lost, then between the loss and
//! its redoing others may be computed from it anew, and stored: so with what is lost, all is redone that the same instance told later and
//! that was not told again since the loss was made good.
//!
//! **Several servers.** The log is on one of them, and does not tell what another has lost that gave its place to a replica. So when that is
//! known to have happened, all of the last minute is redone, but for what others have redone by then.

mod lost;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::time::Proof;

/// How far back it reaches: longer than any dump or replica that one goes on with lags behind.
const REACH: Duration = Duration::from_secs(60);
/// Its bounds. What goes beyond them is the oldest; a rollback to before what is left invalidates everything.
const MOST_ENTRIES: usize = 100_000;
const MOST_BYTES: usize = 8 << 20;
/// What an entry takes up beside its message.
const OVERHEAD: usize = 64;

/// The id of an entry of the log: milliseconds and a number within them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u64, u64);

impl Id {
    /// What is no id is earlier than all.
    pub(crate) fn parse(text: &str) -> Self {
        let (millis, number) = text.split_once('-').unwrap_or((text, "0"));
        Self(millis.parse().unwrap_or(0), number.parse().unwrap_or(0))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

/// The journal of the history that goes on.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<History>);

impl Journal {
    /// The log has acknowledged an entry of this instance's.
    pub(crate) fn made(&self, id: &str, message: &[u8], now: Proof) {
        let mut history = self.history();
        // The heartbeat may have been faster.
        let id = Id::parse(id);
        if !history.entries.contains_key(&id) {
            history.put(id, Note { message: message.into(), noted: now, seen: false });
        }
    }

    /// The heartbeat has found an entry in the log.
    pub(crate) fn saw(&self, id: &str, message: &[u8], now: Proof) {
        let mut history = self.history();
        history.put(Id::parse(id), Note { message: message.into(), noted: now, seen: true });
        history.drop_older(now);
    }

    /// An anchor was appended: what is earlier has not all been seen.
    pub(crate) fn begin(&self, id: &str, message: &[u8], now: Proof) {
        let id = Id::parse(id);
        let mut history = self.history();
        while history.entries.keys().next().is_some_and(|first| *first < id) {
            history.drop_first();
        }
        history.put(id, Note { message: message.into(), noted: now, seen: true });
    }

    /// Whether an entry of this instance's is missing in a log that was read to its end, by a read sent at `sent`.
    pub(crate) fn misses(&self, sent: Proof) -> bool {
        self.history().entries.values().any(|note| !note.seen && note.noted < sent)
    }

    /// Ends the history.
    pub(crate) fn take(&self) -> History {
        std::mem::take(&mut *self.history())
    }

    /// What is known so far, of which L2 may have lost anything, whatever the log says. It goes on.
    pub(crate) fn in_doubt(&self) -> History {
        self.history().clone().in_doubt()
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Entries by their ids, without a gap between those that were seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    entries: BTreeMap<Id, Note>,
    bytes: usize,
    /// Whether the log is no proof of what it has.
    in_doubt: bool,
}

#[derive(Clone, Debug)]
struct Note {
    message: Box<[u8]>,
    noted: Proof,
    /// In the log; else only acknowledged.
    seen: bool,
}

impl History {
    pub(crate) fn in_doubt(self) -> Self {
        Self { in_doubt: true, ..self }
    }

    /// Where to read the log from, to compare it.
    pub(crate) fn oldest(&self) -> Id {
        self.entries.keys().next().copied().unwrap_or_default()
    }

    fn put(&mut self, id: Id, note: Note) {
        self.bytes += note.weight();
        if let Some(before) = self.entries.insert(id, note) {
            self.bytes -= before.weight();
        }
        while self.entries.len() > MOST_ENTRIES || self.bytes > MOST_BYTES {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some((_, note)) = self.entries.pop_first() {
            self.bytes -= note.weight();
        }
    }

    /// Never drops what was noted `now`: the newest is what the log is compared by.
    fn drop_older(&mut self, now: Proof) {
        while self.entries.values().next().is_some_and(|first| !first.noted.is_within(REACH, now)) {
            self.drop_first();
        }
    }
}

impl Note {
    fn weight(&self) -> usize {
        self.message.len() + OVERHEAD
    }
}

#[cfg(test)]
mod tests;
