//! Looking after L2: finding out that it answers again, and telling it what was invalidated meanwhile, before anything else.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::coherence::pending::Owed;
use crate::error::{Error, ErrorKind, Result};
use crate::guard::{Guard, Pauses, Phase};
use crate::key::Digest;

use super::Inner;
use super::invalidate::{AT_ONCE, Removal};

/// How long what is queued waits for more to come. What L2 could not be told once, while it answers otherwise, is told again after pauses
/// from this to the next.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// What `close()` takes at most to tell L2 what is pending.
const LAST_CHANCE: Duration = Duration::from_secs(1);

/// Starts to look after L2, if there is one, for as long as the cache lives.
pub(super) fn start(inner: &Arc<Inner>) {
    if let Some(guard) = &inner.l2 {
        let (cache, guard) = (Arc::downgrade(inner), guard.clone());
        guard.clone().spawn(async move { while look_after(&cache, &guard).await.is_some() {} });
    }
}

/// Waits for something to do, and does it; nothing when the cache is gone.
async fn look_after(cache: &Weak<Inner>, guard: &Guard) -> Option<()> {
    let mut schedule = guard.schedule();
    loop {
        guard.work().await;
        if guard.is_open() {
            schedule.opened(Instant::now().into_std());
            let mut begun = Instant::now();
            while let Phase::Open(cause) | Phase::HalfOpen(cause) = guard.phase() {
                tokio::time::sleep_until(begun + schedule.pause(&cause)).await;
                begun = Instant::now();
                alive(cache)?.probe(guard).await;
            }
            schedule.closed(Instant::now().into_std());
        }
        tell_again(cache, guard).await?;
    }
}

/// Tells L2, which answers, what is queued and what it could not be told.
async fn tell_again(cache: &Weak<Inner>, guard: &Guard) -> Option<()> {
    let mut pauses = Pauses::new(FIRST_PAUSE, LONGEST_PAUSE);
    while !guard.is_open() && !alive(cache)?.pending.is_empty() {
        tokio::time::sleep(pauses.next()).await;
        // If it fails it is tried again; a breaker that opens by it has woken us.
        if alive(cache)?.tell_pending(guard).await.is_ok() {
            pauses.begin_anew();
        }
    }
    Some(())
}

/// The cache, unless it is closed or gone.
pub(super) fn alive(cache: &Weak<Inner>) -> Option<Arc<Inner>> {
    cache.upgrade().filter(|cache| !cache.closed.load(Ordering::Acquire))
}

impl Inner {
    /// Asks L2 whether it answers again. What is pending is told first of all: nothing else may read there what is invalid.
    async fn probe(&self, guard: &Guard) {
        let answer = match guard.probe().await {
            // What it does not permit us to tell it stays pending, and is not read there; that takes away nothing else.
            Ok(()) => match self.tell_pending(&guard.probing()).await {
                Err(error) if error.kind() == ErrorKind::Forbidden => Ok(()),
                told => told,
            },
            failed => failed,
        };
        guard.probed(&answer);
    }

    /// Tells L2 all that is pending now. What comes meanwhile is for the next time, so that it ends.
    ///
    /// One that is not permitted keeps none of the others back.
    async fn tell_pending(&self, guard: &Guard) -> Result<()> {
        let told = self.tell_each(guard).await;
        self.pending.note(&told);
        told
    }

    async fn tell_each(&self, guard: &Guard) -> Result<()> {
        let mut all = Ok(());
        for owed in self.pending.batches(AT_ONCE) {
            let removal = match &owed {
                Owed::Keys(keys) => Removal::Keys(keys.iter().map(|(key, _)| key.clone()).collect()),
                Owed::Group(group, _) => group.clone(),
            };
            match self.remove(guard, &removal).await {
                Ok(()) => self.pending.told(&owed),
                Err(error) if error.kind() == ErrorKind::Forbidden => all = Err(error),
                Err(error) => return Err(error),
            }
        }
        all
    }

    /// Keeps in mind what L2 could not be told of, for the `reason` given. MUST be called before this process forgets: what is loaded from
    /// then on is not to believe L2.
    pub(super) fn owe(&self, guard: &Guard, removal: &Removal, reason: Error) -> Error {
        self.tell_later(guard, removal);
        let owed = still_owed(reason);
        self.pending.note::<(), _>(&Err(&owed));
        owed
    }

    /// Keeps in mind what L2 is to be told of. MUST be called before this process forgets, as [`Inner::owe`].
    pub(super) fn tell_later(&self, guard: &Guard, removal: &Removal) {
        let everything = Removal::Everything;
        match removal {
            Removal::Keys(keys) => self.pending.add_keys(keys.iter().cloned(), &everything),
            group => self.pending.add_group(group.clone(), &everything),
        }
        guard.wake();
    }

    /// Tells L2 what is pending, now: in a task of the cache's own, so that it goes on when the caller goes away.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Pending` if L2 did not answer.
    pub(super) async fn flush(self: &Arc<Self>, guard: &Guard) -> Result<()> {
        let (cache, guard) = (Arc::clone(self), guard.clone());
        let told = self.io.spawn(async move { cache.tell_pending(&guard).await }).await;
        // A task that is dropped was on the thread of a cache that is gone.
        let told = told.unwrap_or_else(|_| Err(Error::new(ErrorKind::NotInstalled, "the cache is closed")));
        told.map_err(still_owed)
    }

    /// Whether L2 may still hold what was invalidated here, under this digest, this prefix or one of these tags.
    pub(super) fn owes(&self, digest: &Digest, prefix: &str, tags: &[u64]) -> bool {
        self.pending.concerns(digest, |group| group.covers(prefix, tags))
    }

    /// Waits for the invalidations under way, and tells L2 what is pending, a last time.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Pending` if that was not possible.
    pub(super) async fn settle(self: &Arc<Self>, guard: &Guard) -> Result<()> {
        let (cache, guard) = (Arc::clone(self), guard.probing());
        let telling = self.io.spawn(tokio::time::timeout(LAST_CHANCE, async move {
            let _all_told = cache.telling.write().await;
            cache.tell_pending(&guard).await
        }));
        match telling.await {
            Ok(Ok(Ok(()))) => Ok(()),
            // Failed, too slow, or the thread has ended.
            _ => Err(Error::new(
                ErrorKind::Pending,
                format!(
                    "L2 could not be told of {} invalidations: it may still hold what they concern",
                    self.pending.len()
                ),
            )),
        }
    }
}

fn still_owed(reason: Error) -> Error {
    let text = format!(
        "this process has forgotten the value, but L2 may still hold it, and will be told as soon as it answers: {reason}"
    );
    Error::new(ErrorKind::Pending, text).with_source(reason)
}
