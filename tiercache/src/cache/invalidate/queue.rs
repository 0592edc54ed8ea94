//! Queued invalidations: this process forgets at once, everybody else hears of many keys in one round trip.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::{AT_ONCE, Cache, Inner, Region, Removal, not_told};
use crate::error::{Error, ErrorKind, Result};
use crate::key::{Digest, Key, l2_key};
use crate::stats::Event;

/// How long a key waits for others to come.
const GATHER: Duration = Duration::from_millis(2);
/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// With more keys than this, the whole namespace is invalidated instead.
const MOST: usize = 100_000;

/// What waits to be carried out.
#[derive(Default)]
pub(in crate::cache) struct Queue {
    state: Mutex<State>,
    /// Whether anything waits: what nobody has queued costs a read of this.
    any: AtomicBool,
    /// A full round waits, or somebody waits for what is in it.
    hurry: Arc<Notify>,
}

#[derive(Default)]
struct State {
    /// Keys in L2, with the round after which each was queued last.
    keys: HashMap<Digest, (String, u64)>,
    everything: Option<u64>,
    round: u64,
    /// A task of the cache's own carries them out.
    running: bool,
    flushes: Vec<oneshot::Sender<Result<()>>>,
}

/// What is carried out together.
struct Round {
    number: u64,
    removal: Removal,
    flushes: Vec<oneshot::Sender<Result<()>>>,
}

impl Cache {
    /// Removes one value from both tiers, soon: this process forgets it now, L2 and the other instances within milliseconds, in one
    /// round trip for all that was queued meanwhile. For writers of many values that need not wait for each.
    ///
    /// Until it is carried out, it is promised for this process only, which does not read the value in L2 either. If L2 does not
    /// answer, it is tried again every second. [`Cache::flush_invalidations`] says when it is done, and [`Cache::close`] does it first;
    /// a process that ends without that may leave the value in L2. With more than 100,000 values in the queue, the whole namespace is
    /// invalidated instead.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> tiercache::Result<()> {
    /// # use tiercache::{Cache, Key};
    /// # let cache = Cache::builder().build().await?;
    /// for id in 0..10_000 {
    ///     cache.queue_invalidation(&Key::new("user", &id)?);
    /// }
    /// cache.flush_invalidations().await?;
    /// # Ok(()) }
    /// ```
    pub fn queue_invalidation(&self, key: &Key) {
        self.queue_in(&self.direct_region(key.prefix()), key.digest());
    }

    /// Waits until all that was queued before is carried out. Then it is as if each had been invalidated by [`Cache::invalidate`].
    ///
    /// # Errors
    ///
    /// L2's error, if it could not be told: what is queued stays so, and is tried again. `ErrorKind::NotInstalled` after
    /// [`Cache::close`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what is queued is carried out all the same.
    pub async fn flush_invalidations(&self) -> Result<()> {
        if self.open_l2().map_err(not_told)?.is_none() {
            return Ok(());
        }
        match self.inner.queue.flush() {
            None => Ok(()),
            // The task ends with the cache's own thread only.
            Some(told) => {
                told.await.unwrap_or_else(|_| Err(not_told(Error::new(ErrorKind::NotInstalled, "the cache is closed"))))
            }
        }
    }

    /// Queues the value of a region's digest.
    pub(crate) fn queue_in(&self, region: &Region, digest: &Digest) {
        region.counters.count(Event::Invalidation);
        if matches!(self.open_l2(), Ok(Some(_))) {
            // Queued first, forgotten second: who reads after that reads no L2.
            let pushed = self.inner.queue.push(digest, || l2_key(self.namespace(), &region.prefix, digest));
            if pushed.is_first {
                drop(self.inner.io.spawn(work(Arc::downgrade(&self.inner))));
            }
            if pushed.is_too_many {
                tracing::warn!("more than {MOST} invalidations are queued: the whole namespace is invalidated instead");
                self.inner.drop_everything();
            }
        }
        self.inner.forget(digest);
    }

    /// Whether a value's invalidation has not reached L2 yet.
    pub(in crate::cache) fn is_queued(&self, digest: &Digest) -> bool {
        self.inner.queue.holds(digest)
    }
}

/// What became of a key that was queued.
struct Pushed {
    /// Nobody carries anything out yet.
    is_first: bool,
    is_too_many: bool,
}

impl Queue {
    fn push(&self, digest: &Digest, key: impl FnOnce() -> String) -> Pushed {
        let mut state = self.state();
        let round = state.round;
        if state.everything.is_some() {
            state.everything = Some(round);
        } else {
            state.keys.entry(*digest).and_modify(|queued| queued.1 = round).or_insert_with(|| (key(), round));
        }
        let is_too_many = state.keys.len() > MOST;
        if is_too_many {
            state.keys = HashMap::new();
            state.everything = Some(round);
        }
        if is_too_many || state.keys.len() == AT_ONCE {
            self.hurry.notify_one();
        }
        self.any.store(true, Ordering::Release);
        let is_first = !std::mem::replace(&mut state.running, true);
        Pushed { is_first, is_too_many }
    }

    #[inline]
    fn holds(&self, digest: &Digest) -> bool {
        self.any.load(Ordering::Acquire) && {
            let state = self.state();
            state.everything.is_some() || state.keys.contains_key(digest)
        }
    }

    /// Hurries what waits; `None` if nothing does.
    fn flush(&self) -> Option<oneshot::Receiver<Result<()>>> {
        let mut state = self.state();
        if !state.running {
            return None;
        }
        let (tell, told) = oneshot::channel();
        state.flushes.push(tell);
        self.hurry.notify_one();
        Some(told)
    }

    /// What to carry out now; `None`, and nobody does any more, if there is nothing.
    fn begin(&self) -> Option<Round> {
        let mut state = self.state();
        let flushes = std::mem::take(&mut state.flushes);
        let removal = match state.everything {
            Some(_) => Removal::Everything,
            None => Removal::Keys(state.keys.iter().map(|(digest, (key, _))| (*digest, key.clone())).collect()),
        };
        if state.everything.is_none() && state.keys.is_empty() && flushes.is_empty() {
            state.running = false;
            return None;
        }
        state.round += 1;
        Some(Round { number: state.round, removal, flushes })
    }

    /// Notes that a round was carried out: what was queued anew meanwhile stays.
    fn end(&self, number: u64) {
        let mut state = self.state();
        state.keys.retain(|_, (_, queued)| *queued >= number);
        state.everything = state.everything.filter(|queued| *queued >= number);
        self.any.store(state.everything.is_some() || !state.keys.is_empty(), Ordering::Release);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries out what is queued, round after round, while there is anything. It does not keep the cache alive.
async fn work(inner: Weak<Inner>) {
    let mut pause = GATHER;
    loop {
        let Some(hurry) = inner.upgrade().map(|inner| Arc::clone(&inner.queue.hurry)) else { return };
        // Whichever comes first.
        let _ = tokio::time::timeout(pause, hurry.notified()).await;
        let Some(inner) = inner.upgrade() else { return };
        let Some(Round { number, removal, flushes }) = inner.queue.begin() else { return };
        let told = carry_out(inner, number, removal).await;
        pause = if told.is_ok() { GATHER } else { RETRY };
        for flush in flushes {
            // Who waited may be gone.
            let _ = flush.send(told.as_ref().copied().map_err(|error| Error::new(error.kind(), error.to_string())));
        }
    }
}

async fn carry_out(inner: Arc<Inner>, number: u64, removal: Removal) -> Result<()> {
    if let Removal::Keys(keys) = &removal
        && keys.is_empty()
    {
        return Ok(());
    }
    let cache = Cache { inner };
    let told = cache.carry_out(removal).await;
    if told.is_ok() {
        cache.inner.queue.end(number);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Digest {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Digest::new(bytes)
    }

    fn push(queue: &Queue, number: usize) -> Pushed {
        queue.push(&digest(number), || number.to_string())
    }

    fn keys(round: Option<Round>) -> Option<Vec<String>> {
        match round?.removal {
            Removal::Keys(keys) => Some(keys.into_iter().map(|(_, key)| key).collect()),
            _ => None,
        }
    }

    #[test]
    fn duplicates_are_carried_out_once_and_what_comes_meanwhile_in_the_next_round() {
        let queue = Queue::default();
        assert!(push(&queue, 1).is_first && !push(&queue, 1).is_first);
        let round = queue.begin().map(|round| (round.number, keys(Some(round))));
        assert_eq!(round, Some((1, Some(vec!["1".to_owned()]))));
        push(&queue, 2);
        queue.end(1);
        assert!(!queue.holds(&digest(1)) && queue.holds(&digest(2)));
        // Queued anew while its round was under way: that may have read what came before.
        let round = queue.begin();
        push(&queue, 2);
        queue.end(round.map_or(0, |round| round.number));
        assert!(queue.holds(&digest(2)));
        assert_eq!(keys(queue.begin()), Some(vec!["2".to_owned()]));
    }

    #[test]
    fn what_was_not_carried_out_stays_and_when_nothing_is_left_the_task_ends() {
        let queue = Queue::default();
        push(&queue, 1);
        assert_eq!(queue.begin().map(|round| round.number), Some(1));
        // That round failed.
        assert!(queue.holds(&digest(1)));
        assert_eq!(queue.begin().map(|round| round.number), Some(2));
        queue.end(2);
        assert!(queue.flush().is_some(), "the task still runs, and answers");
        assert!(queue.begin().is_some_and(|round| round.flushes.len() == 1));
        assert!(queue.begin().is_none() && queue.flush().is_none());
        assert!(push(&queue, 3).is_first);
    }

    #[test]
    fn too_many_become_one_of_the_whole_namespace() {
        let queue = Queue::default();
        let too_many = (0..=MOST).filter(|number| push(&queue, *number).is_too_many).count();
        assert_eq!(too_many, 1);
        assert!(queue.holds(&digest(MOST + 1)));
        assert!(matches!(queue.begin(), Some(Round { removal: Removal::Everything, .. })));
        queue.end(1);
        assert!(!queue.holds(&digest(1)));
    }
}
