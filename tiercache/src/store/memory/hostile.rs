//! What may happen to what a server holds.

use super::Memory;

impl Memory {
    /// `FLUSHALL`.
    pub(crate) fn flush(&self) {
        let mut state = self.state();
        state.entries.clear();
        state.order.clear();
        state.stamps.clear();
        state.logs.clear();
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
