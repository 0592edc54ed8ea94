//! What may happen to what a server holds, and in how many steps.

use super::Memory;
use crate::store::Commit;

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
