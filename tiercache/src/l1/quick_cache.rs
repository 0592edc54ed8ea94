//! The engine `quick_cache`.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::{AnyEntry, Bound, Engine};
use crate::key::{BuildDigestHasher, Digest};

/// What the number of entries is guessed from when the bound is in bytes.
const GUESSED_ENTRY_BYTES: u64 = 512;

pub(super) struct QuickCache(Cache<Digest, Arc<AnyEntry>, Weight, BuildDigestHasher>);

/// What an entry weighs: 1, or its bytes.
#[derive(Clone, Copy)]
enum Weight {
    One,
    Bytes,
}

impl Weighter<Digest, Arc<AnyEntry>> for Weight {
    fn weight(&self, _key: &Digest, entry: &Arc<AnyEntry>) -> u64 {
        match self {
            Self::One => 1,
            Self::Bytes => entry.bytes() as u64,
        }
    }
}

impl QuickCache {
    pub(super) fn new(bound: Bound) -> Self {
        let (entries, capacity, weight) = match bound {
            Bound::Entries(entries) => (entries, entries, Weight::One),
            Bound::Bytes(bytes) => (bytes / GUESSED_ENTRY_BYTES + 1, bytes, Weight::Bytes),
        };
        let entries = usize::try_from(entries).unwrap_or(usize::MAX);
        Self(Cache::with(entries, capacity, weight, BuildDigestHasher, DefaultLifecycle::default()))
    }
}

impl Engine for QuickCache {
    fn get(&self, key: &Digest) -> Option<Arc<AnyEntry>> {
        self.0.get(key)
    }

    fn insert(&self, key: Digest, entry: Arc<AnyEntry>) {
        self.0.insert(key, entry);
    }

    fn remove(&self, key: &Digest) {
        self.0.remove(key);
    }

    fn clear(&self) {
        self.0.iter().for_each(|(_, entry)| entry.release());
        self.0.clear();
    }
}
