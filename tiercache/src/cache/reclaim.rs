//! Freeing the memory that dead entries take up in L2: those whose group was invalidated, which nobody reads any more.
//!
//! Their lives would free it too, so this is for L2s that are short of memory. What begins the bytes of each entry is read, *then* the stamps
//! that hold; a stamp that has gone never comes back. What is dead is removed only over the very bytes that were read: by then a lease may be in
//! the place, or a value that was loaded anew.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;

use crate::codec::envelope::{self, HEAD, hash_key};
use crate::coherence::groups::{Groups, hash};
use crate::coherence::tags;
use crate::error::{Error, ErrorKind, Result};
use crate::guard::Guard;
use crate::store::Stamps;

use super::Inner;
use super::builder::CacheBuilder;
use super::keys::prefix_of;
use super::recover::alive;

/// Between two passes of the fleet over all keys.
const REST: Duration = Duration::from_secs(60);
/// So many keys are looked at together.
const AT_ONCE: usize = 100;

impl CacheBuilder {
    /// Frees the memory of L2 that invalidated entries take up until they expire, looking at so many keys a second (not at all): after an
    /// [`invalidate_tags`](crate::Cache::invalidate_tags), [`invalidate_prefix`](crate::Cache::invalidate_prefix) or
    /// [`clear`](crate::Cache::clear), whose costs do not depend on the number of entries because it removes none of them.
    ///
    /// One instance at a time does it, in the background, about once a minute. It reads the first 1.1 KiB of each entry at most, and removes
    /// only what it has read; other data, leases and what was loaded anew stay. `reclaimed` of [`L2Counts`](crate::L2Counts) counts.
    /// Without an L2 it does nothing.
    ///
    /// It is for an L2 that refuses writes when it is full, or that costs by the byte. One that evicts what was used least (`allkeys-lru`,
    /// `allkeys-lfu`) needs it less, as nobody uses dead entries; there, to be looked at counts as a use of every entry.
    pub fn reclaim(mut self, keys_per_second: u32) -> Self {
        self.reclaim = Some(keys_per_second);
        self
    }

    /// How long to pause after each key, if any are to be looked at.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Config` for a rate of 0.
    pub(super) fn pause_of_reclaim(&self) -> Result<Option<Duration>> {
        match self.reclaim {
            Some(0) => Err(Error::config("a reclaim of 0 keys per second frees nothing: leave it out instead")),
            rate => Ok(rate.map(|rate| Duration::from_secs(1) / rate)),
        }
    }
}

/// Reclaims, if a `pause` was said, for as long as the cache lives.
pub(super) fn start(inner: &Arc<Inner>, pause: Option<Duration>) {
    if let (Some(guard), Some(pause)) = (&inner.l2, pause) {
        let key = format!("{}:@reclaim", inner.namespace).into();
        let turn =
            Turn { key, marker: fastrand::u64(..).to_le_bytes().into(), life: REST + for_keys(pause, 2 * AT_ONCE) };
        guard.spawn(keep(Arc::downgrade(inner), guard.clone(), turn, pause));
    }
}

async fn keep(cache: Weak<Inner>, guard: Guard, turn: Turn, pause: Duration) {
    while alive(&cache).is_some() {
        // What fails is for the next pass.
        if matches!(turn.take(&guard).await, Ok(true)) {
            let _ = pass(&cache, &guard, &turn, pause).await;
        }
        tokio::time::sleep(REST.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }
}

/// The right of one instance to reclaim: a key in L2.
struct Turn {
    key: Arc<str>,
    marker: Arc<[u8]>,
    life: Duration,
}

impl Turn {
    /// Whether it is this instance's. An L2 that is out of memory gives no turn to anybody, and needs room more than order.
    async fn take(&self, guard: &Guard) -> Result<bool> {
        let free = |found: Option<Vec<u8>>| found.is_none();
        match guard.claim(Arc::clone(&self.key), Arc::clone(&self.marker), self.life, free).await {
            Err(error) if error.kind() == ErrorKind::OutOfMemory => Ok(true),
            taken => taken,
        }
    }

    /// Keeps others from it, until a while after the last time.
    async fn keep(&self, guard: &Guard) -> Result<()> {
        guard.extend(Arc::clone(&self.key), Arc::clone(&self.marker), self.life).await.map(drop)
    }
}

/// The pause after so many keys.
fn for_keys(pause: Duration, keys: usize) -> Duration {
    pause.saturating_mul(u32::try_from(keys).unwrap_or(u32::MAX))
}

/// Goes over all keys once.
async fn pass(cache: &Weak<Inner>, guard: &Guard, turn: &Turn, pause: Duration) -> Result<()> {
    let mut next = Some(0);
    while let Some(cursor) = next {
        let Some(start) = alive(cache).map(|cache| format!("{}:", cache.namespace)) else { return Ok(()) };
        let page = guard.scan(start.clone(), cursor).await?;
        let keys: Vec<String> = page.keys.into_iter().filter(|key| prefix_of(key, &start).is_some()).collect();
        if keys.is_empty() {
            // The server has looked for them all the same.
            tokio::time::sleep(for_keys(pause, AT_ONCE)).await;
        }
        for keys in keys.chunks(AT_ONCE) {
            let Some(cache) = alive(cache) else { return Ok(()) };
            let removed = cache.reclaim(guard, &turn.key, keys).await?;
            cache.reclaimed.fetch_add(removed, Ordering::Relaxed);
            drop(cache);
            turn.keep(guard).await?;
            tokio::time::sleep(for_keys(pause, keys.len())).await;
        }
        next = page.next;
    }
    Ok(())
}

/// An entry that was found in L2.
struct Head {
    key: Arc<str>,
    bytes: Vec<u8>,
    /// Its groups, and their stamps.
    pairs: Vec<(u64, u64)>,
}

impl Inner {
    /// Removes those of `keys` that are dead; says how many. `turn` is a key to read the stamps with.
    async fn reclaim(&self, guard: &Guard, turn: &Arc<str>, keys: &[String]) -> Result<u64> {
        let start = format!("{}:", self.namespace);
        let (mut fields, mut tags, mut heads) = (HashSet::new(), HashSet::new(), Vec::new());
        for (key, bytes) in keys.iter().zip(guard.heads(keys.to_vec(), HEAD).await?) {
            let groups = prefix_of(key, &start).map(Groups::of);
            let Some((groups, head)) = groups.zip(bytes.and_then(|bytes| Head::of(key, bytes))) else { continue };
            // What is in other groups than an entry of this key is none of ours.
            if groups.common(&[], &head.pairs).is_some() {
                fields.extend(groups.fields().iter().cloned());
                tags.extend(groups.tags_in(&head.pairs));
                heads.push(head);
            }
        }
        let held = self.held(guard, turn, fields.into_iter().collect(), tags.into_iter().collect()).await?;
        let dead =
            heads.into_iter().filter(|head| head.pairs.iter().any(|(group, stamp)| held.get(group) != Some(stamp)));
        let removals = dead.map(|head| guard.release(head.key, envelope::token(&head.bytes).into()));
        let removed = join_all(removals.collect::<Vec<_>>()).await.into_iter().collect::<Result<Vec<bool>>>()?;
        Ok(removed.into_iter().map(u64::from).sum())
    }

    /// The stamps that hold now, by group.
    async fn held(
        &self,
        guard: &Guard,
        turn: &Arc<str>,
        fields: Vec<String>,
        tags: Vec<u64>,
    ) -> Result<HashMap<u64, u64>> {
        if fields.is_empty() {
            return Ok(HashMap::new());
        }
        let groups: Vec<u64> = fields.iter().map(|field| hash(field)).chain(tags.iter().copied()).collect();
        let hash = Arc::clone(&self.stamps_key);
        let stamps = Stamps { hash, fields: fields.into(), tags: tags::keys(&self.namespace, &tags) };
        let now = guard.read(Arc::clone(turn), stamps).await?.stamps;
        Ok(groups.into_iter().zip(now).filter_map(|(group, stamp)| Some((group, stamp?))).collect())
    }
}

impl Head {
    /// None for what is no entry of this key, such as a lease.
    fn of(key: &str, bytes: Vec<u8>) -> Option<Self> {
        let header = envelope::begin(&bytes).filter(|header| header.key_hash == hash_key(key))?;
        Some(Self { key: key.into(), bytes, pairs: header.stamps })
    }
}
