//! L1: typed values in this process's memory, bounded, behind one small contract.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::key::Digest;

mod entry;
#[cfg(feature = "mini-moka")]
mod mini_moka;
#[cfg(feature = "quick-cache")]
mod quick_cache;
mod tags;

pub(crate) use entry::{AnyEntry, Deadlines, Marks, Origin};
pub(crate) use tags::{Slot, TagTable, Tagged};

/// Which engine holds the values of L1, and how many.
///
/// ```
/// use tiercache::L1;
/// let by_count = L1::mini_moka().max_entries(50_000);
/// let by_size = L1::quick_cache().max_bytes(64 << 20);
/// ```
#[derive(Clone, Debug)]
#[must_use = "give it to `Cache::builder().l1(..)` or to `Named::new().l1(..)`"]
pub struct L1 {
    engine: EngineKind,
    max_entries: Option<u64>,
    max_bytes: Option<u64>,
}

/// The entries an L1 holds if nothing else is said.
const DEFAULT_MAX_ENTRIES: u64 = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EngineKind {
    Disabled,
    #[cfg(feature = "mini-moka")]
    MiniMoka,
    #[cfg(feature = "quick-cache")]
    QuickCache,
}

/// The size of an L1.
#[derive(Clone, Copy, Debug)]
enum Bound {
    Entries(u64),
    Bytes(u64),
}

impl L1 {
    /// The engine mini-moka: W-TinyLFU admission (Einziger, Friedman, Manes, 2017). The default.
    #[cfg(feature = "mini-moka")]
    pub fn mini_moka() -> Self {
        Self::of(EngineKind::MiniMoka)
    }

    /// The engine `quick_cache`: a variant of CLOCK-Pro and S3-FIFO. The fastest, on many cores too.
    #[cfg(feature = "quick-cache")]
    pub fn quick_cache() -> Self {
        Self::of(EngineKind::QuickCache)
    }

    /// No memory tier: every call reads L2.
    pub fn disabled() -> Self {
        Self::of(EngineKind::Disabled)
    }

    /// The engine of this name: `mini-moka`, `quick-cache` or `disabled`.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Config` for any other name, and for an engine whose feature is off.
    pub fn named(name: &str) -> Result<Self> {
        let kinds = Self::kinds();
        let kind = kinds.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        kind.map(Self::of).ok_or_else(|| {
            let known: Vec<_> = kinds.iter().map(|(known, _)| *known).collect();
            Error::config(format!("`{name}` is no L1 engine of this build: use one of {}", known.join(", ")))
        })
    }

    /// Bounds it by the number of entries (10,000 if nothing is said).
    pub fn max_entries(mut self, entries: u64) -> Self {
        self.max_entries = Some(entries);
        self
    }

    /// Bounds it by bytes: of an entry, its encoded length, `size_of` its type, and the engine's overhead.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// The same engine, with no bound said.
    pub(crate) fn same_engine(&self) -> Self {
        Self::of(self.engine)
    }

    fn of(engine: EngineKind) -> Self {
        Self { engine, max_entries: None, max_bytes: None }
    }

    fn kinds() -> Vec<(&'static str, EngineKind)> {
        vec![
            #[cfg(feature = "mini-moka")]
            ("mini-moka", EngineKind::MiniMoka),
            #[cfg(feature = "quick-cache")]
            ("quick-cache", EngineKind::QuickCache),
            ("disabled", EngineKind::Disabled),
        ]
    }

    fn bound(&self) -> Result<Bound> {
        let bound = match (self.max_entries, self.max_bytes) {
            (Some(_), Some(_)) => {
                return Err(Error::config("L1 is bounded by max_entries and by max_bytes: choose one of them"));
            }
            (None, Some(bytes)) => Bound::Bytes(bytes),
            (entries, None) => Bound::Entries(entries.unwrap_or(DEFAULT_MAX_ENTRIES)),
        };
        match bound {
            Bound::Entries(0) | Bound::Bytes(0) => {
                Err(Error::config("an L1 of size 0 keeps nothing: give it room, or say so with L1::disabled()"))
            }
            bound => Ok(bound),
        }
    }

    pub(crate) fn build(&self) -> Result<Tier> {
        let engine: Box<dyn Engine> = match self.engine {
            EngineKind::Disabled => Box::new(Disabled),
            #[cfg(feature = "mini-moka")]
            EngineKind::MiniMoka => Box::new(mini_moka::MiniMoka::new(self.bound()?)),
            #[cfg(feature = "quick-cache")]
            EngineKind::QuickCache => Box::new(quick_cache::QuickCache::new(self.bound()?)),
        };
        Ok(Tier { engine })
    }
}

#[allow(clippy::derivable_impls, reason = "the default depends on the features")]
impl Default for L1 {
    /// mini-moka; without it, `quick_cache`; without both, none.
    fn default() -> Self {
        Self::of(Self::kinds()[0].1)
    }
}

/// An engine holds entries under digests and drops some when it is full.
///
/// It MUST NOT hold more than its bound (a short while aside), MUST give a `get` that begins after an `insert` or `remove`
/// of the same key has returned what that one left (nothing, if it was evicted), and need not know anything of time.
trait Engine: Send + Sync {
    fn get(&self, key: &Digest) -> Option<Arc<AnyEntry>>;
    fn insert(&self, key: Digest, entry: Arc<AnyEntry>);
    fn remove(&self, key: &Digest);
    fn clear(&self);
}

/// One memory tier: an engine, and the bookkeeping that is the same for all engines.
pub(crate) struct Tier {
    engine: Box<dyn Engine>,
}

impl Tier {
    #[inline]
    pub(crate) fn get(&self, key: &Digest) -> Option<Arc<AnyEntry>> {
        self.engine.get(key)
    }

    /// Puts `entry` in the place of whatever was there.
    pub(crate) fn insert(&self, key: Digest, entry: Arc<AnyEntry>) {
        if let Some(old) = self.engine.get(&key) {
            old.release();
        }
        entry.admit();
        self.engine.insert(key, entry);
    }

    pub(crate) fn remove(&self, key: &Digest) {
        if let Some(old) = self.engine.get(key) {
            old.release();
            self.engine.remove(key);
        }
    }

    /// Drops all entries, without counting evictions: the caller has made them stale.
    pub(crate) fn clear(&self) {
        self.engine.clear();
    }
}

impl fmt::Debug for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tier").finish_non_exhaustive()
    }
}

struct Disabled;

impl Engine for Disabled {
    fn get(&self, _key: &Digest) -> Option<Arc<AnyEntry>> {
        None
    }

    fn insert(&self, _key: Digest, entry: Arc<AnyEntry>) {
        entry.release();
    }

    fn remove(&self, _key: &Digest) {}

    fn clear(&self) {}
}
