//! The cache: tiers configured once, shared by all cached functions.

mod answer;
mod beat;
mod behind;
mod builder;
mod commit;
mod direct;
mod fetch;
mod fill;
mod freshness;
mod health;
pub(crate) mod hot;
mod identity;
mod invalidate;
mod keys;
mod life;
mod limits;
mod many;
mod named;
mod policy;
mod read;
mod reclaim;
mod recover;
mod refresh;
mod region;
mod request;
mod set;
pub(crate) mod settings;
mod stale;
mod timeout;
mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use behind::WriteMode;
pub use builder::{CacheBuilder, L2};
pub use freshness::Freshness;
pub use health::{BusHealth, Health, L2Health};
pub use keys::Keys;
pub use life::Keep;
pub use named::Named;
pub use policy::Policy;
pub use refresh::Owned;

pub(crate) use commit::{Committing, Writing};
pub(crate) use identity::claim;
pub(crate) use invalidate::batch::Batch;
pub(crate) use many::load_many;
pub(crate) use policy::Terms;
pub(crate) use read::{load, peek};
pub(crate) use refresh::load_owned;
pub(crate) use region::{Region, Spec};
pub(crate) use request::{Mode, Report, Request, tell};
pub(crate) use set::set;
pub(crate) use stale::Glance;
pub(crate) use timeout::within;

use tokio::sync::RwLock;

use crate::codec::{Codec, Reject};
use crate::coherence::bus::Ear;
use crate::coherence::fence::Fence;
use crate::coherence::journal::Journal;
use crate::coherence::pending::Pending;
use crate::coherence::touch::Used;
use crate::error::{Error, ErrorKind, Result};
use crate::flight::Flights;
use crate::guard::{Guard, Io};
use crate::key::Digest;
#[cfg(all(test, feature = "test-util"))]
use crate::key::Key;
use crate::l1::TagTable;
use crate::stats::{Stats, Tally};

use answer::Shared;
use behind::Behind;
use freshness::Judge;
use invalidate::Removal;
use limits::Places;
use region::Regions;

/// A tiered cache. Cheap to clone: all clones are the same cache.
///
/// Build it once at startup with [`Cache::builder`] and [install](Cache::install) it; cached functions find it by themselves.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> tiercache::Result<()> {
/// use std::time::Duration;
/// use tiercache::{Cache, L1};
///
/// let cache = Cache::builder()
///     .namespace("shop")
///     .l1(L1::default().max_entries(10_000))
///     .default_ttl(Duration::from_secs(300))
///     .build()
///     .await?;
/// cache.install()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Cache {
    inner: Arc<Inner>,
}

struct Inner {
    namespace: String,
    stamps_key: Arc<str>,
    log: String,
    channel: String,
    /// Tells this instance's messages from others'.
    origin: u64,
    journal: Arc<Journal>,
    ear: Arc<Ear>,
    judge: Judge,
    regions: Regions,
    fence: Fence,
    tags: TagTable,
    /// The tags whose stamps were used lately.
    used: Arc<Used>,
    flights: Arc<Flights<Digest, Shared>>,
    io: Arc<Io>,
    l2: Option<Guard>,
    /// What L2 has not been told of yet.
    pending: Pending<Removal>,
    behind: Behind,
    /// Shared by the invalidations that L2 is being told of.
    telling: RwLock<()>,
    /// A place for each body that may run at once.
    loads: Option<Places>,
    max_value_bytes: usize,
    unknown_news: AtomicU64,
    reclaimed: AtomicU64,
    rejects: Vec<AtomicU64>,
    notices: Mutex<Vec<String>>,
    closed: AtomicBool,
}

impl Cache {
    /// A new configuration.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::default()
    }

    /// The first segment of every key in L2.
    pub fn namespace(&self) -> &str {
        &self.inner.namespace
    }

    /// A snapshot of what this cache has done so far.
    pub fn stats(&self) -> Stats {
        let (mut total, mut caches) = (Tally::default(), BTreeMap::<String, Tally>::new());
        let (mut prefixes, mut functions) = (BTreeMap::<String, Tally>::new(), BTreeMap::<String, Tally>::new());
        for region in self.inner.regions.all() {
            total.add(&region.counters);
            caches.entry(region.named.name.clone()).or_default().add(&region.counters);
            prefixes.entry(region.prefix.clone()).or_default().add(&region.counters);
            if let Some(function) = &region.function {
                functions.entry(function.clone()).or_default().add(&region.counters);
            }
        }
        let counts = |tallies: BTreeMap<String, Tally>| {
            tallies.into_iter().map(|(name, tally)| (name, tally.counts())).collect()
        };
        Stats {
            total: total.counts(),
            caches: counts(caches),
            prefixes: counts(prefixes),
            functions: counts(functions),
            l2: self.l2_counts(),
            l2_errors: self.inner.l2.iter().flat_map(Guard::errors).collect(),
            rejected: self.rejected(),
        }
    }

    /// Drops everything in memory. L2 keeps what it has: the next calls read it there.
    pub fn clear_l1(&self) {
        self.inner.drop_everything();
    }

    fn rejected(&self) -> BTreeMap<&'static str, u64> {
        let counts = Reject::ALL.iter().zip(&self.inner.rejects);
        let counts = counts.map(|(reject, count)| (reject.name(), count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// Whether this is a handle of the same cache.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Whether L2 is left alone, as it has failed, or could not be told that what it holds of `key` is invalid.
    #[cfg(all(test, feature = "test-util"))]
    pub(crate) fn is_cut_off(&self, key: &Key) -> bool {
        self.inner.l2.as_ref().is_some_and(|guard| self.request(key, &Policy::new()).is_cut_off(guard))
    }

    /// The region of `spec`.
    pub(crate) fn region(&self, spec: &Spec<'_>) -> Arc<Region> {
        self.inner.regions.get(spec)
    }

    #[inline]
    pub(crate) fn fence(&self) -> &Fence {
        &self.inner.fence
    }

    #[inline]
    fn tags(&self) -> &TagTable {
        &self.inner.tags
    }

    fn used(&self) -> &Used {
        &self.inner.used
    }

    #[inline]
    fn judge(&self) -> &Judge {
        &self.inner.judge
    }

    fn flights(&self) -> &Arc<Flights<Digest, Shared>> {
        &self.inner.flights
    }

    /// L2 for calls that can do without it: none if there is none, or if the cache is closed.
    fn l2(&self) -> Option<&Guard> {
        self.open_l2().ok().flatten()
    }

    /// L2 for what is to reach it, if there is one.
    ///
    /// # Errors
    ///
    /// `ErrorKind::NotInstalled` if the cache is closed.
    fn open_l2(&self) -> Result<Option<&Guard>> {
        match &self.inner.l2 {
            Some(_) if self.inner.closed.load(Ordering::Acquire) => {
                Err(Error::new(ErrorKind::NotInstalled, "the cache is closed"))
            }
            l2 => Ok(l2.as_ref()),
        }
    }

    /// The key of the hash that holds the groups' stamps.
    fn stamps_key(&self) -> Arc<str> {
        Arc::clone(&self.inner.stamps_key)
    }

    fn max_value_bytes(&self) -> usize {
        self.inner.max_value_bytes
    }

    fn count_reject(&self, reject: Reject) {
        self.inner.rejects[reject.index()].fetch_add(1, Ordering::Relaxed);
        tracing::debug!(reason = reject.name(), "stored bytes were not accepted");
    }

    /// Says once that a function's values do not survive their codec.
    fn note_broken(&self, region: &Region, codec: Codec) {
        let text = format!(
            "`{}`: its values do not come back equal from {}, so it is kept in memory only; another codec may suit the type",
            region.label(),
            codec.name(),
        );
        self.notice(text);
    }

    /// Says something once, in the log and in `health()`.
    fn notice(&self, text: String) {
        let mut notices = self.inner.notices.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if notices.len() < MOST_NOTICES && !notices.contains(&text) {
            tracing::warn!("{text}");
            notices.push(text);
        }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("namespace", &self.inner.namespace)
            .field("l2", &self.inner.l2.as_ref().map(Guard::describe))
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.io.stop();
    }
}

/// More than a person reads.
const MOST_NOTICES: usize = 256;

/// How often the flight's clock beats while anyone waits.
const BEAT: Duration = Duration::from_millis(25);
