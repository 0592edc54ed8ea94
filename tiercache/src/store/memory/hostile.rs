//! What may happen to what a server holds, and in how many steps.

use super::Memory;
use super::state::State;
use crate::store::Commit;

/// What a server held at some time.
pub(crate) struct Dump(State);

impl Memory {
    /// `FLUSHALL`.
    pub(crate) fn flush(&self) {
        let mut state = self.state();
        state.entries.clear();
        state.order.clear();
        state.stamps.clear();
        state.logs.clear();
    }

    /// A commit without its news, as in a cluster, where the log is elsewhere.
    pub(crate) fn put(&self, commit: &Commit) -> bool {
        let Commit { key, expected, bytes, life, tags, .. } = commit;
        self.state().put(key, expected.as_deref(), (bytes.clone(), *life, tags))
    }

    /// What it holds now.
    pub(crate) fn dump(&self) -> Dump {
        Dump(self.state().clone())
    }

    /// Goes on from a dump. The ids of the log go on too, or come `again`.
    pub(crate) fn restore(&self, dump: Dump, again: bool) {
        let mut state = self.state();
        let next = if again { dump.0.next } else { state.next };
        *state = State { next, ..dump.0 };
    }

    /// The node of a cluster goes on from a dump that has the log and the stamps.
    pub(crate) fn restore_log(&self, dump: &Dump) {
        let mut state = self.state();
        state.logs.clone_from(&dump.0.logs);
        state.stamps.clone_from(&dump.0.stamps);
    }

    /// The same, for one that has this key.
    pub(crate) fn restore_key(&self, dump: &Dump, key: &str) {
        let mut state = self.state();
        state.remove(key);
        if let Some(entry) = dump.0.entries.get(key) {
            state.order.insert(entry.number, key.to_owned());
            state.entries.insert(key.to_owned(), entry.clone());
        }
    }

    /// What is under `key` is evicted, or removed by hand: a value, the hash of stamps, the log.
    pub(crate) fn evict(&self, key: &str) {
        let mut state = self.state();
        state.remove(key);
        state.stamps.remove(key);
        state.logs.remove(key);
    }

    /// Only the last `kept` entries of the log stay.
    pub(crate) fn trim(&self, log: &str, kept: usize) {
        if let Some(entries) = self.state().logs.get_mut(log) {
            while entries.len() > kept {
                entries.pop_first();
            }
        }
    }
}
