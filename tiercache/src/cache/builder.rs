//! Configuring a cache. Only here may it be refused.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::RwLock;

use crate::codec::{Codec, Reject};
use crate::coherence::bus::Bus;
use crate::coherence::fence::Fence;
use crate::coherence::pending::Pending;
use crate::coherence::touch::touch;
use crate::coherence::watch::{Heed, Pulse, Watch};
use crate::error::{Error, Result};
use crate::guard::{Guard, Io};
use crate::key::check_namespace;
use crate::l1::{L1, TagTable};
use crate::store::Store;

use super::beat::start_flights;
use super::behind::Writes;
use super::freshness::{Freshness, Judge};
use super::limits::Limits;
use super::named::{DEFAULT, Fallback, Named, NamedCache};
use super::region::Regions;
use super::{Cache, Inner, hot, reclaim, recover};

const DEFAULT_NAMESPACE: &str = "tiercache";
const DEFAULT_TTL: Duration = Duration::from_secs(300);
/// An L1 copy's life when another tier has the value.
const DEFAULT_L1_TTL: Duration = Duration::from_secs(60);
const DEFAULT_L2_DEADLINE: Duration = Duration::from_millis(100);
const DEFAULT_MAX_STALENESS: Duration = Duration::from_secs(2);
const DEFAULT_DEGRADED_L1_TTL: Duration = Duration::from_secs(10);
const DEFAULT_WAIT_LIMIT: Duration = Duration::from_secs(10);
/// Tests count on exact lives.
const DEFAULT_JITTER: f64 = if cfg!(feature = "test-util") { 0.0 } else { 0.05 };
const DEFAULT_MAX_VALUE_BYTES: usize = 8 << 20;

/// The second tier: made from `Redis`, from `Embedded`, or, for tests, `Memory`.
pub struct L2 {
    /// A store that cannot be opened is found at `build()`.
    pub(crate) store: Result<Arc<dyn Store>>,
}

impl L2 {
    #[allow(dead_code, reason = "unused when no L2 is compiled in")]
    pub(crate) fn of(store: impl Store) -> Self {
        Self { store: Ok(Arc::new(store)) }
    }
}

impl fmt::Debug for L2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("L2").field(&self.store.as_ref().map(|store| store.describe())).finish()
    }
}

#[cfg(feature = "redis")]
impl From<crate::store::redis::Redis> for L2 {
    fn from(redis: crate::store::redis::Redis) -> Self {
        Self { store: redis.into_store() }
    }
}

#[cfg(feature = "embedded")]
impl From<crate::store::embedded::Embedded> for L2 {
    fn from(embedded: crate::store::embedded::Embedded) -> Self {
        Self { store: embedded.into_store().map(|store| Arc::new(store) as Arc<dyn Store>) }
    }
}

#[cfg(feature = "test-util")]
impl From<crate::store::memory::Memory> for L2 {
    fn from(memory: crate::store::memory::Memory) -> Self {
        Self::of(memory)
    }
}

/// Configures a [`Cache`]. Everything has a default.
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until `build()`"]
pub struct CacheBuilder {
    pub(super) namespace: Option<String>,
    pub(super) l1: L1,
    pub(super) l2: Option<L2>,
    pub(super) default_ttl: Option<Duration>,
    pub(super) l1_ttl: Option<Duration>,
    pub(super) codec: Option<Codec>,
    pub(super) stale_if_error: Option<Duration>,
    pub(super) jitter: Option<f64>,
    pub(super) l2_deadline: Option<Duration>,
    pub(super) wait_limit: Option<Duration>,
    pub(super) max_value_bytes: Option<usize>,
    pub(super) max_staleness: Option<Duration>,
    pub(super) degraded_l1_ttl: Option<Duration>,
    pub(super) freshness: Freshness,
    pub(super) limits: Limits,
    pub(super) keep_hot_keys: Option<usize>,
    pub(super) writes: Writes,
    pub(super) reclaim: Option<u32>,
    pub(super) named: Vec<(String, Named)>,
}

impl CacheBuilder {
    /// Leads every key in L2 (`tiercache` if nothing is said): services that share a Redis keep apart by it.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// The memory tier (mini-moka, 10,000 entries).
    pub fn l1(mut self, l1: L1) -> Self {
        self.l1 = l1;
        self
    }

    /// The shared tier (none).
    pub fn l2(mut self, l2: impl Into<L2>) -> Self {
        self.l2 = Some(l2.into());
        self
    }

    /// How long values live, where the function does not say (300 s).
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.default_ttl = Some(ttl);
        self
    }

    /// How long copies in memory live, where the function does not say (60 s with an L2, else as long as the value).
    pub fn l1_ttl(mut self, ttl: Duration) -> Self {
        self.l1_ttl = Some(ttl);
        self
    }

    /// How long past their lives values are kept for loads that fail, where the function does not say (not at all).
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.stale_if_error = Some(window);
        self
    }

    /// The share of its life in L2 by which a value expires earlier, at random, where the function does not say (0.05; none under
    /// feature `test-util`): what was made together then does not expire together. 0 switches it off.
    pub fn jitter(mut self, share: f64) -> Self {
        self.jitter = Some(share);
        self
    }

    /// The codec of stored bytes, where the function does not say (bincode).
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = Some(codec);
        self
    }

    /// How long a caller waits for another caller's load before it runs its own (10 s).
    pub fn wait_limit(mut self, limit: Duration) -> Self {
        self.wait_limit = Some(limit);
        self
    }

    /// The largest encoded value that is stored in L2 or read from it (8 MiB). Larger ones are kept in memory only.
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.max_value_bytes = Some(bytes);
        self
    }

    /// How long an instance may serve from memory what another one has invalidated, even if every message about it is lost (2 s).
    /// Usually it is milliseconds.
    pub fn max_staleness(mut self, bound: Duration) -> Self {
        self.max_staleness = Some(bound);
        self
    }

    /// What is served from memory while L2 does not answer (what was proved fresh within `degraded_l1_ttl`).
    pub fn freshness(mut self, freshness: Freshness) -> Self {
        self.freshness = freshness;
        self
    }

    /// How long ago something must have been proved fresh to be served while L2 does not answer (10 s).
    pub fn degraded_l1_ttl(mut self, ttl: Duration) -> Self {
        self.degraded_l1_ttl = Some(ttl);
        self
    }

    /// A named cache, for functions that say `cache = "…"`.
    pub fn named(mut self, name: impl Into<String>, named: Named) -> Self {
        self.named.push((name.into(), named));
        self
    }

    /// Builds the cache and starts its I/O thread. An L2 that is down costs at most `l2_deadline`, and is used once it is up.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Config` for a bad setting, naming it and the cure; `ErrorKind::Io` if the system gives no thread.
    pub async fn build(self) -> Result<Cache> {
        let namespace = self.namespace.clone().unwrap_or_else(|| DEFAULT_NAMESPACE.into());
        check_namespace(&namespace)?;
        let (regions, pause_of_reclaim) = (self.regions(&namespace)?, self.pause_of_reclaim()?);
        let deadline = positive("l2_deadline", self.l2_deadline.unwrap_or(DEFAULT_L2_DEADLINE))?;
        let wait_limit = positive("wait_limit", self.wait_limit.unwrap_or(DEFAULT_WAIT_LIMIT))?;
        let max_staleness = positive("max_staleness", self.max_staleness.unwrap_or(DEFAULT_MAX_STALENESS))?;
        let max_value_bytes = room(self.max_value_bytes.unwrap_or(DEFAULT_MAX_VALUE_BYTES))?;
        let (limits, loads) = (self.limits.of_l2(deadline)?, self.limits.loads(wait_limit)?);
        let store = self.l2.map(|l2| l2.store).transpose()?;
        let io = Arc::new(Io::start()?);
        let l2 = store.map(|store| Guard::new(Arc::clone(&io), store, limits));
        let pulse = l2.as_ref().filter(|l2| l2.is_shared()).map(|_| Arc::new(Pulse::new(max_staleness)));
        let degraded_l1_ttl = self.degraded_l1_ttl.unwrap_or(DEFAULT_DEGRADED_L1_TTL);
        let judge = Judge { pulse, freshness: self.freshness, degraded_l1_ttl };
        let inner = Inner {
            stamps_key: format!("{namespace}:@groups").into(),
            log: format!("{namespace}:@log"),
            channel: format!("{namespace}:@bus"),
            origin: fastrand::u64(1..),
            journal: Arc::default(),
            ear: Arc::default(),
            judge,
            namespace,
            regions,
            fence: Fence::new(),
            tags: TagTable::default(),
            used: Arc::default(),
            flights: start_flights(&io, wait_limit),
            io,
            l2,
            pending: Pending::new(),
            behind: self.writes.behind()?,
            telling: RwLock::default(),
            loads,
            max_value_bytes,
            unknown_news: AtomicU64::default(),
            reclaimed: AtomicU64::default(),
            rejects: Reject::ALL.iter().map(|_| AtomicU64::default()).collect(),
            notices: Mutex::default(),
            closed: AtomicBool::new(false),
        };
        let inner = Arc::new(inner);
        recover::start(&inner);
        hot::start(&inner);
        reclaim::start(&inner, pause_of_reclaim);
        watch(&inner).await;
        Ok(Cache { inner })
    }

    fn regions(&self, namespace: &str) -> Result<Regions> {
        let default = Named { l1: Some(self.l1.clone()), ..Named::default() };
        let fallback = Fallback {
            l1: &self.l1,
            ttl: self.default_ttl.unwrap_or(DEFAULT_TTL),
            l1_ttl: self.l1_ttl.or(self.l2.is_some().then_some(DEFAULT_L1_TTL)),
            codec: self.codec.or(Codec::default_codec()),
            stale_if_error: self.stale_if_error,
            jitter: self.jitter.unwrap_or(DEFAULT_JITTER),
            write_mode: self.writes.mode.unwrap_or_default(),
        };
        let mut built: Vec<NamedCache> = Vec::with_capacity(self.named.len());
        for (name, named) in &self.named {
            if name == DEFAULT || built.iter().any(|built| built.name == *name) {
                return Err(Error::config(format!("there are two caches named `{name}`: give one another name")));
            }
            built.push(NamedCache::build(name, named, &fallback)?);
        }
        Ok(Regions::new(NamedCache::build(DEFAULT, &default, &fallback)?, built, self.hot(namespace)?))
    }
}

fn room(max_value_bytes: usize) -> Result<usize> {
    if max_value_bytes == 0 {
        return Err(Error::config("a max_value_bytes of 0 leaves no room for any value in L2: leave L2 out instead"));
    }
    Ok(max_value_bytes)
}

fn positive(setting: &str, time: Duration) -> Result<Duration> {
    if time.is_zero() {
        return Err(Error::config(format!("a {setting} of 0 leaves no time for anything: give it some")));
    }
    Ok(time)
}

/// Starts to watch for what other instances invalidate, if there may be any, and to keep stamps from being evicted.
async fn watch(inner: &Arc<Inner>) {
    if let (Some(guard), Some(pulse)) = (&inner.l2, &inner.judge.pulse) {
        let heed: Weak<dyn Heed> = Arc::<Inner>::downgrade(inner);
        let bus = Bus::new(guard, &inner.channel, heed.clone(), &inner.ear);
        let mut watch = Watch::new(guard, &inner.log, heed, pulse, &inner.journal);
        watch.beat().await;
        guard.spawn(watch.run(bus));
        let used = Arc::downgrade(&inner.used);
        guard.spawn(touch(guard.clone(), inner.namespace.clone(), Arc::clone(&inner.stamps_key), used));
    }
}
