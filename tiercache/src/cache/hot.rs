//! Hot keys over a restart: L2 keeps the list of them, and what begins anew reads them before anyone asks.
//!
//! Only a function's first load tells the type of its values, so its hot keys are read then, by a task of the cache's own.

pub(crate) mod list;
mod sketch;
#[cfg(all(test, feature = "test-util"))]
mod tests;

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::OnceCell;

use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::key::{Digest, SiteDigest};
use crate::store::Stamps;
use crate::value::Cacheable;

use super::builder::CacheBuilder;
use super::read::peek;
use super::recover::alive;
use super::region::Region;
use super::request::{Mode, Request};
use super::{Cache, Inner};

use list::{Count, HotKey, MOST};
use sketch::Sketch;

/// One hit in about so many is counted.
const EVERY: u32 = 64;
/// Between two writes of the list.
const BEAT: Duration = Duration::from_secs(60);
/// How long L2 keeps the list of a service that is not there.
const LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// So many keys of a function are read at a time.
const AT_ONCE: usize = 16;

impl CacheBuilder {
    /// Keeps the list of the hottest keys in L2, as many as `keys` (none), so that after a restart their values are in memory again before
    /// they are asked for: those of a function are read from L2 at its first call that memory cannot answer, in the background. A few
    /// callers' L2 reads are saved, never a body.
    ///
    /// One hit in about 64 is counted. The list is written every minute and by [`Cache::close`], by all instances into one: what was hot
    /// before counts half. It holds digests, 44 bytes a key, and no arguments. `build()` does not wait for it. Without an L2 it does nothing.
    ///
    /// Values are judged as by any read: what was invalidated, has expired or is of another version stays out. Left out are functions
    /// with tags (the tags of a value are told by its arguments, which a digest does not tell), and keys made by hand (whose types
    /// nothing tells).
    pub fn keep_hot_keys(mut self, keys: usize) -> Self {
        self.keep_hot_keys = Some(keys);
        self
    }

    /// What counts hits, if anything is to.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Config` for none and for too many keys.
    pub(super) fn hot(&self, namespace: &str) -> Result<Option<Arc<Hot>>> {
        match self.keep_hot_keys {
            Some(0) => Err(Error::config("a keep_hot_keys of 0 keeps none: leave it out instead")),
            Some(keys) if keys > MOST => Err(Error::config(format!(
                "a keep_hot_keys of {keys} would make every start read so many values: keep {MOST} at most"
            ))),
            keys => Ok(keys.filter(|_| self.l2.is_some()).map(|keys| Arc::new(Hot::new(namespace, keys)))),
        }
    }
}

/// The hot keys of this run and of the last one.
#[derive(Debug)]
pub(crate) struct Hot {
    /// Where L2 keeps the list.
    key: Arc<str>,
    most: usize,
    /// What was counted since the list was last written.
    sketch: Mutex<Sketch>,
    /// What the last run has left, once it was read.
    last: OnceCell<Vec<HotKey>>,
}

impl Hot {
    fn new(namespace: &str, most: usize) -> Self {
        let key = format!("{namespace}:@hot").into();
        Self { key, most, sketch: Mutex::new(Sketch::new(most)), last: OnceCell::new() }
    }

    fn sketch(&self) -> MutexGuard<'_, Sketch> {
        self.sketch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys that the last run has left, the hottest first; asked for again if L2 did not answer.
    async fn last(&self, guard: &Guard) -> Result<&[HotKey]> {
        let read = || async {
            let found = guard.read(Arc::clone(&self.key), Stamps::default()).await?.found;
            let keys = found.and_then(|found| list::decode(&found.bytes)).unwrap_or_default();
            Ok(keys.into_iter().map(|(key, _)| key).collect())
        };
        Ok(self.last.get_or_try_init(read).await?)
    }

    /// Adds what was counted to the list in L2. Where that fails, or another instance comes in between, counting goes on.
    pub(super) async fn save(&self, guard: &Guard) {
        let counted = self.sketch().hottest();
        let own: Vec<Count> = counted.into_iter().map(|(key, count)| (key, count.saturating_mul(EVERY))).collect();
        // Of what nobody uses, nothing cools down.
        if !own.is_empty() && matches!(self.write(guard, &own).await, Ok(true)) {
            self.sketch().clear();
        }
    }

    /// Says whether it did; no other instance's list is written over unread.
    async fn write(&self, guard: &Guard, own: &[Count]) -> Result<bool> {
        // What is only claimed need not last: so not yet the list itself.
        let empty: Arc<[u8]> = list::encode(&[]).into();
        let found = guard.claim(Arc::clone(&self.key), Arc::clone(&empty), LIFE, |found| found).await?;
        let found = found.as_deref().unwrap_or(&empty);
        let old = list::decode(found).unwrap_or_default();
        let merged = list::encode(&list::merge(&old, own, self.most));
        guard.swap(Arc::clone(&self.key), list::token(found).into(), merged, LIFE, Arc::default()).await
    }
}

/// A region's part in it.
#[derive(Debug)]
pub(crate) struct Hits {
    hot: Arc<Hot>,
    site: u64,
    /// Whether its keys can be read again, known from its first load on: its entries carry no tags.
    readable: OnceLock<bool>,
}

impl Hits {
    pub(super) fn new(hot: &Arc<Hot>, site: &SiteDigest) -> Self {
        Self { hot: Arc::clone(hot), site: site.word(), readable: OnceLock::new() }
    }

    /// Counts a hit of L1, one in about [`EVERY`].
    #[inline]
    pub(crate) fn count(&self, digest: &Digest) {
        if is_sampled() {
            self.note(digest);
        }
    }

    #[cold]
    fn note(&self, digest: &Digest) {
        if self.readable.get() == Some(&true) {
            self.hot.sketch().add(HotKey { site: self.site, digest: *digest });
        }
    }

    /// The region's keys of the last run.
    async fn last(&self, guard: &Guard) -> Vec<Digest> {
        // Without L2 there is nothing to promote either.
        let keys = self.hot.last(guard).await.unwrap_or_default();
        keys.iter().filter(|key| key.site == self.site).map(|key| key.digest).collect()
    }
}

/// Whether this thread's hit is one of those that count. The gaps are random, from 1 to 127: what comes in a fixed order is not to meet
/// the same key each time.
#[inline]
fn is_sampled() -> bool {
    thread_local!(static LEFT: Cell<u32> = const { Cell::new(EVERY - 1) });
    let left = LEFT.get();
    let sampled = left == 0;
    LEFT.set(if sampled { fastrand::u32(..2 * EVERY - 1) } else { left - 1 });
    sampled
}

/// Reads what the last run has left, and writes what this one counts, for as long as the cache lives.
pub(super) fn start(inner: &Arc<Inner>) {
    if let (Some(guard), Some(hot)) = (&inner.l2, inner.regions.hot()) {
        guard.spawn(keep(Arc::downgrade(inner), guard.clone(), Arc::clone(hot)));
    }
}

async fn keep(cache: Weak<Inner>, guard: Guard, hot: Arc<Hot>) {
    // What could not be read is asked for again by the next function.
    let _ = hot.last(&guard).await;
    loop {
        tokio::time::sleep(BEAT).await;
        if alive(&cache).is_none() {
            return;
        }
        hot.save(&guard).await;
    }
}

/// At a region's first load, begins to read its hot keys of the last run.
pub(super) fn loading<T: Cacheable>(request: &Request) {
    let Some(hits) = request.region.hot.as_ref().filter(|_| request.mode != Mode::Uncached) else { return };
    let readable = request.tags.hashes().is_empty();
    if hits.readable.set(readable).is_ok()
        && readable
        && let Some(guard) = request.l2()
    {
        let (cache, region) = (Arc::downgrade(&request.cache.inner), Arc::clone(&request.region));
        guard.spawn(promote::<T>(cache, guard.clone(), region));
    }
}

/// Reads a region's hot keys of the last run, as far as memory has not got them.
async fn promote<T: Cacheable>(cache: Weak<Inner>, guard: Guard, region: Arc<Region>) {
    let Some(hits) = &region.hot else { return };
    let keys = hits.last(&guard).await;
    let promoted = stream::iter(keys).for_each_concurrent(AT_ONCE, |digest| {
        let (cache, region) = (alive(&cache), Arc::clone(&region));
        async move {
            if let Some(inner) = cache {
                peek::<T>(&Request::new(&Cache { inner }, &region, digest)).await;
            }
        }
    });
    promoted.await;
}
