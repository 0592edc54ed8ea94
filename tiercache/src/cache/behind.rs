//! Writing behind: callers go on with the value in memory, and L2 is given it by a worker.
//!
//! What waits in the queue holds the lease of its key, and is stored only over that: whoever invalidates the key meanwhile, here or
//! elsewhere, voids the lease, and so what is queued. A value that was written, and not loaded, has put the lease there itself, by the
//! one script that removes what was there before and tells the other instances: so only the value waits, and its news do not.

mod queue;
mod worker;

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use crate::coherence::lease::Filling;
use crate::coherence::tags::Tags;
use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::key::Digest;
use crate::l1::AnyEntry;
use crate::stats::L2Counts;

use super::builder::CacheBuilder;
use super::named::Named;
use super::policy::Policy;
use super::region::Region;
use super::request::Request;
use super::{Cache, Inner};

use queue::Queue;

/// Values that wait, if nothing is said.
const DEFAULT_QUEUE: usize = 4_096;
/// How long `close()` waits for what is queued to be stored, and then for its leases to be given back.
const LAST_CHANCE: Duration = Duration::from_secs(1);
const GIVING_BACK: Duration = Duration::from_millis(500);

/// When a value is stored in L2: before its caller goes on, or behind it.
///
/// It is about the value alone. That an older one is removed, and that the other instances are told, is done and acknowledged before
/// the call ends, in either mode. Without an L2 the two are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteMode {
    /// The caller waits until L2 has the value.
    #[default]
    Through,
    /// The caller goes on as soon as memory has the value; a bounded queue takes it to L2, within milliseconds of an L2 that answers.
    ///
    /// Until then the key is leased in L2: other instances wait for the value as for one that is being loaded, and so does this one if
    /// its memory does not have it any more. An invalidation voids what is queued. What L2 does not take is given up, and counted:
    /// nothing is lost but a load. A value that replaces one which L2 still has, as a refresh does, is always written through.
    Behind,
}

impl FromStr for WriteMode {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "through" => Ok(Self::Through),
            "behind" => Ok(Self::Behind),
            _ => Err(Error::config(format!("`{name}` is no write mode: use through or behind"))),
        }
    }
}

/// What was set of it; the rest has defaults.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Writes {
    pub(super) mode: Option<WriteMode>,
    pub(super) queue: Option<usize>,
}

impl CacheBuilder {
    /// Whether callers wait until L2 has a value, where the function does not say ([`WriteMode::Through`]).
    pub fn write_mode(mut self, mode: WriteMode) -> Self {
        self.writes.mode = Some(mode);
        self
    }

    /// How many values may wait for L2 under [`WriteMode::Behind`] (4,096), and never more than 64 MiB of them. A value that finds the
    /// queue full is written through: its caller waits, and [`L2Counts::writes_not_queued`] counts it.
    pub fn write_queue(mut self, max_entries: usize) -> Self {
        self.writes.queue = Some(max_entries);
        self
    }
}

impl Named {
    /// Whether callers wait until L2 has a value, where the function does not say.
    pub fn write_mode(mut self, mode: WriteMode) -> Self {
        self.write_mode = Some(mode);
        self
    }
}

impl Policy {
    /// Whether callers wait until L2 has the value.
    pub const fn write_mode(mut self, mode: WriteMode) -> Self {
        self.write_mode = Some(mode);
        self
    }
}

impl Writes {
    /// # Errors
    ///
    /// `ErrorKind::Config` for a queue without room.
    pub(super) fn behind(&self) -> Result<Behind> {
        let size = self.queue.unwrap_or(DEFAULT_QUEUE);
        if size == 0 {
            return Err(Error::config(
                "a write_queue of 0 lets nothing wait: give it room, or set no write mode `behind`",
            ));
        }
        Ok(Behind {
            size,
            queue: OnceLock::new(),
            ending: AtomicBool::new(false),
            given_up: AtomicU64::default(),
            not_queued: AtomicU64::default(),
        })
    }
}

/// What a cache writes behind. The queue and its worker begin with the first value.
pub(super) struct Behind {
    size: usize,
    queue: OnceLock<Queue<Queued>>,
    /// Nothing more is stored: what is queued is given up.
    ending: AtomicBool,
    given_up: AtomicU64,
    not_queued: AtomicU64,
}

/// A value on its way to L2.
struct Queued {
    filling: Filling,
    target: Target,
}

/// Whose value it is.
struct Target {
    region: Arc<Region>,
    digest: Digest,
    tags: Tags,
    /// Forgotten if the lease is found lost.
    entry: Weak<AnyEntry>,
}

/// Room for one value in the queue.
pub(super) struct Place(queue::Place<Queued>);

impl Place {
    /// Room for a value of so many bytes, if it is to be written behind and there is any.
    pub(super) fn of(request: &Request, bytes: usize) -> Option<Self> {
        Self::of_all([(request, bytes)])?.pop()
    }

    /// Room for several values, all or none.
    pub(super) fn of_all<'a>(values: impl IntoIterator<Item = (&'a Request, usize)>) -> Option<Vec<Self>> {
        let mut values = values.into_iter().peekable();
        let (request, _) = values.peek().filter(|(request, _)| request.terms.write_mode == WriteMode::Behind)?;
        let (behind, guard) = (&request.cache.inner.behind, request.cache.inner.l2.as_ref()?);
        let queue = behind.queue(&request.cache.inner, guard);
        let mut places = Vec::new();
        while let Some((_, bytes)) = values.next() {
            let Some(place) = queue.reserve(bytes) else {
                let through = places.len() + 1 + values.count();
                behind.not_queued.fetch_add(through.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
                return None;
            };
            places.push(Self(place));
        }
        Some(places)
    }

    /// Queues what is to be stored, of which memory has `entry`, unless the fence has not let it in.
    pub(super) fn put(self, request: &Request, filling: Filling, entry: &Arc<AnyEntry>) {
        let Request { region, digest, tags, .. } = request;
        let (region, tags, entry) = (Arc::clone(region), tags.clone(), Arc::downgrade(entry));
        self.0.put(Queued { filling, target: Target { region, digest: *digest, tags, entry } });
    }
}

impl Behind {
    fn queue(&self, inner: &Arc<Inner>, guard: &Guard) -> &Queue<Queued> {
        self.queue.get_or_init(|| {
            let (queue, outlet) = queue::queue(self.size);
            guard.spawn(worker::run(Arc::downgrade(inner), guard.clone(), outlet));
            queue
        })
    }

    /// `counts`, with what was written behind so far.
    pub(super) fn counted(&self, counts: L2Counts) -> L2Counts {
        L2Counts {
            queued_writes: self.queue.get().map_or(0, |queue| queue.len().try_into().unwrap_or(u64::MAX)),
            writes_given_up: self.given_up.load(Ordering::Relaxed),
            writes_not_queued: self.not_queued.load(Ordering::Relaxed),
            ..counts
        }
    }

    /// Waits for what is queued now, no longer than for an answer of L2. Says whether there was anything, and it is done with.
    pub(super) async fn settle(&self, guard: &Guard) -> bool {
        let Some(queue) = self.queue.get().filter(|queue| queue.len() > 0) else { return false };
        guard.within_deadline(queue.flushed()).await
    }

    /// Waits for what is queued, for as long as `close()` may take for it, and gives up the rest.
    pub(super) async fn finish(&self, guard: &Guard) {
        let Some(queue) = self.queue.get() else { return };
        for (ending, limit) in [(false, LAST_CHANCE), (true, GIVING_BACK)] {
            self.ending.store(ending, Ordering::Release);
            if guard.within(limit, queue.flushed()).await {
                return;
            }
        }
    }
}

impl Cache {
    /// Waits until L2 has been given what was queued, under [`WriteMode::Behind`], when this was called. What it does not take is given
    /// up, and [`L2Counts::writes_given_up`] counts it: a cache may forget.
    ///
    /// [`Cache::close`] does it first.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what is queued is stored all the same.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> tiercache::Result<()> {
    /// # use tiercache::{Cache, Key, Policy, WriteMode};
    /// # let cache = Cache::builder().build().await?;
    /// const BEHIND: Policy = Policy::new().write_mode(WriteMode::Behind);
    /// for id in 0..1_000 {
    ///     cache.set(&Key::new("user", &id)?, &format!("user {id}"), &BEHIND).await?;
    /// }
    /// cache.flush_writes().await;
    /// assert_eq!(cache.stats().l2.queued_writes, 0);
    /// # Ok(()) }
    /// ```
    pub async fn flush_writes(&self) {
        if let Some(queue) = self.inner.behind.queue.get() {
            queue.flushed().await;
        }
    }
}
