//! The floor: what a hit of any such cache must do, and nothing else.

use std::hash::{BuildHasher, Hash, Hasher};
use std::hint::black_box;
use std::sync::Arc;

use rustix::time::{ClockId, clock_gettime};
use sha2::block_api::compress256;

use crate::subject::{CAPACITY, KEYS, User};

/// A key of 32 bytes, hashed by taking its first word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest([u8; 32]);

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut word = [0; 8];
        word.copy_from_slice(&self.0[..8]);
        state.write_u64(u64::from_le_bytes(word));
    }
}

#[derive(Clone, Default)]
pub(crate) struct Identity(u64);

impl Hasher for Identity {
    fn write(&mut self, _: &[u8]) {
        unreachable!("a digest writes one word");
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl BuildHasher for Identity {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self::default()
    }
}

/// SHA-256 of one block, compressed by `sha2` and padded by hand: the least that a digest of a site and a `u64` costs.
#[inline]
pub(crate) fn sha256(site: &[u8; 32], id: u64) -> Digest {
    let mut block = [0; 64];
    block[..32].copy_from_slice(site);
    block[32..40].copy_from_slice(&id.to_le_bytes());
    block[40] = 0x80;
    block[56..].copy_from_slice(&(40_u64 * 8).to_be_bytes());
    // FIPS 180-4 §5.3.3.
    let mut state: [u32; 8] =
        [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
    compress256(&mut state, &[block]);
    let mut digest = [0; 32];
    for (to, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *to = word.to_be_bytes();
    }
    Digest(digest)
}

/// An engine with nothing around it.
pub(crate) trait Engine: Sync {
    fn new() -> Self;
    fn get(&self, key: &Digest) -> Option<Arc<User>>;
    fn insert(&self, key: Digest, value: Arc<User>);
}

pub(crate) type QuickCache = quick_cache::sync::Cache<Digest, Arc<User>, quick_cache::UnitWeighter, Identity>;
pub(crate) type MiniMoka = mini_moka::sync::Cache<Digest, Arc<User>, Identity>;

impl Engine for QuickCache {
    fn new() -> Self {
        let (weighter, lifecycle) = (quick_cache::UnitWeighter, quick_cache::sync::DefaultLifecycle::default());
        Self::with(CAPACITY, CAPACITY as u64, weighter, Identity::default(), lifecycle)
    }

    fn get(&self, key: &Digest) -> Option<Arc<User>> {
        self.get(key)
    }

    fn insert(&self, key: Digest, value: Arc<User>) {
        self.insert(key, value);
    }
}

impl Engine for MiniMoka {
    fn new() -> Self {
        mini_moka::sync::Cache::builder().max_capacity(CAPACITY as u64).build_with_hasher(Identity::default())
    }

    fn get(&self, key: &Digest) -> Option<Arc<User>> {
        self.get(key)
    }

    fn insert(&self, key: Digest, value: Arc<User>) {
        self.insert(key, value);
    }
}

/// An engine that holds a value for every key.
pub(crate) struct Floor<E> {
    site: [u8; 32],
    engine: E,
}

impl<E: Engine> Floor<E> {
    /// Filled as every cache is that also gives the value to who loaded it: with clones.
    pub(crate) fn filled() -> Self {
        let (site, engine) = ([7; 32], E::new());
        (0..KEYS).for_each(|id| engine.insert(sha256(&site, id), Arc::new(User::new(id).clone())));
        Self { site, engine }
    }

    /// SHA-256 of one block, the engine's `get`, a look at a clock that runs through suspend, a clone of the value.
    #[inline]
    pub(crate) fn hit<V>(&self, id: u64, clone: impl Fn(&Arc<User>) -> V) -> V {
        let digest = sha256(&self.site, id);
        let found = self.engine.get(&digest).expect("the engine has room for twice as many");
        black_box(clock_gettime(ClockId::Boottime));
        clone(&found)
    }
}
