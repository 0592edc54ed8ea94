//! Leases: who fills which key. In memory only: with the process, its loads are gone too.

use std::collections::HashMap;
use std::time::Duration;

/// Above so many, lapsed ones are looked for before another is added.
const MANY: usize = 10_000;

/// The leases held now, each with the time, in milliseconds, when it lapses.
#[derive(Debug, Default)]
pub(super) struct Leases {
    held: HashMap<String, (Vec<u8>, u64)>,
}

impl Leases {
    /// The lease of `key`.
    pub(super) fn get(&self, key: &str, now: u64) -> Option<&[u8]> {
        self.held.get(key).filter(|(_, lapses)| *lapses > now).map(|(lease, _)| lease.as_slice())
    }

    /// Gives `key` a lease, or its lease another life.
    pub(super) fn put(&mut self, key: &str, lease: &[u8], life: Duration, now: u64) {
        if self.held.len() >= MANY {
            self.held.retain(|_, (_, lapses)| *lapses > now);
        }
        let lapses = now.saturating_add(u64::try_from(life.as_millis()).unwrap_or(u64::MAX));
        self.held.insert(key.to_owned(), (lease.to_vec(), lapses));
    }

    /// Voids the lease of `key`.
    pub(super) fn remove(&mut self, key: &str) {
        self.held.remove(key);
    }
}
