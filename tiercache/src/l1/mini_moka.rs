//! The engine mini-moka.

use std::sync::Arc;

use mini_moka::sync::Cache;

use super::{AnyEntry, Bound, Engine};
use crate::key::{BuildDigestHasher, Digest};

pub(super) struct MiniMoka(Cache<Digest, Arc<AnyEntry>, BuildDigestHasher>);

impl MiniMoka {
    pub(super) fn new(bound: Bound) -> Self {
        let cache = match bound {
            Bound::Entries(entries) => Cache::builder().max_capacity(entries),
            Bound::Bytes(bytes) => Cache::builder()
                .max_capacity(bytes)
                .weigher(|_, entry: &Arc<AnyEntry>| u32::try_from(entry.bytes()).unwrap_or(u32::MAX)),
        };
        Self(cache.build_with_hasher(BuildDigestHasher))
    }
}

impl Engine for MiniMoka {
    fn get(&self, key: &Digest) -> Option<Arc<AnyEntry>> {
        self.0.get(key)
    }

    fn insert(&self, key: Digest, entry: Arc<AnyEntry>) {
        self.0.insert(key, entry);
    }

    fn remove(&self, key: &Digest) {
        self.0.invalidate(key);
    }

    fn clear(&self) {
        self.0.iter().for_each(|entry| entry.value().release());
        self.0.invalidate_all();
    }
}
