//! The lease: who may fill a key of L2.
//!
//! In the place of a value that is missing, the one who loads it puts a marker with a random nonce, and stores the value only
//! over that marker. So one load runs in the whole fleet; and whoever removes the key, by an invalidation or by hand, voids the
//! marker, so that a load begun before can store nothing after. After Nishtala et al., *Scaling Memcache at Facebook*, 2013, §3.2.1.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::codec::envelope;
use crate::error::Result;
use crate::guard::Guard;
use crate::store::{Commit, Committed, Tell};

/// How long a lease lives without renewal: the time by which a holder that died holds others up.
pub(crate) const LEASE_TTL: Duration = Duration::from_secs(3);
/// How long a lease is renewed at most.
const LONGEST: Duration = Duration::from_secs(60);

/// The right to fill a key: dropped unused, it is given back, so that failing holders form no queue.
#[derive(Debug)]
pub(crate) struct Lease {
    guard: Guard,
    key: Arc<str>,
    /// What the key must begin with for the fill to be done.
    expected: Arc<[u8]>,
    /// Given back when dropped; a value that is to be replaced is not.
    held: bool,
    renewal: Option<AbortHandle>,
    /// Held as long as this one.
    turn: Option<Box<Lease>>,
}

/// What came of asking for a lease.
#[derive(Debug)]
pub(crate) enum Claim {
    Ours(Lease),
    /// This is there: another's lease, or a value stored meanwhile.
    Taken(Vec<u8>),
}

impl Lease {
    /// Asks for the lease of `key`. Only an acknowledged one is ours; a request that timed out may still be carried out, so its
    /// lease is given back.
    ///
    /// Cancel safe: a lease that comes when the caller is gone is given back.
    pub(crate) async fn claim(guard: &Guard, key: &Arc<str>) -> Result<Claim> {
        let marker: Arc<[u8]> = envelope::lease(fastrand::u64(..)).into();
        let held = {
            let (guard, key, marker) = (guard.clone(), Arc::clone(key), Arc::clone(&marker));
            move || Self::held(guard, key, marker)
        };
        let answer = move |found: Option<Vec<u8>>| found.map_or_else(|| Claim::Ours(held()), Claim::Taken);
        let claimed = guard.claim(Arc::clone(key), Arc::clone(&marker), LEASE_TTL, answer).await;
        if claimed.is_err() {
            give_back(guard, Arc::clone(key), marker);
        }
        claimed
    }

    /// The right to replace what is there now, for a refresh or a write.
    pub(crate) fn over(guard: &Guard, key: &Arc<str>, value: &[u8]) -> Self {
        let expected = envelope::token(value).into();
        Self { guard: guard.clone(), key: Arc::clone(key), expected, held: false, renewal: None, turn: None }
    }

    /// Whether there is a value to be replaced.
    pub(crate) fn replaces(&self) -> bool {
        !self.held
    }

    /// Holds `turn` as long as this one.
    pub(crate) fn during(mut self, turn: Self) -> Self {
        self.turn = Some(Box::new(turn));
        self
    }

    fn held(guard: Guard, key: Arc<str>, expected: Arc<[u8]>) -> Self {
        let renewal = guard.spawn(renew(guard.clone(), Arc::clone(&key), Arc::clone(&expected)));
        Self { guard, key, expected, held: true, renewal: Some(renewal), turn: None }
    }

    /// Stores `bytes`, which carry `tags`, for `life`, if the right has not been lost. Says whether it was stored.
    ///
    /// It goes on if L2 takes longer than the caller waits for it.
    pub(crate) async fn fill(self, bytes: Vec<u8>, life: Duration, tags: Arc<[String]>) -> Result<bool> {
        let guard = self.guard.clone();
        guard.carry_on(Box::pin(self.store(bytes, life, tags))).await
    }

    async fn store(mut self, bytes: Vec<u8>, life: Duration, tags: Arc<[String]>) -> Result<bool> {
        let stored = self.guard.swap(Arc::clone(&self.key), Arc::clone(&self.expected), bytes, life, tags).await;
        if stored.is_ok() {
            self.held = false;
        }
        stored
    }

    /// Puts `bytes` in the place for `life` if the right has not been lost, else leaves nothing there; tells the other instances.
    pub(crate) async fn commit(
        mut self,
        bytes: Vec<u8>,
        life: Duration,
        tags: Arc<[String]>,
        tell: Tell,
    ) -> Result<Committed> {
        let (key, expected) = (Arc::clone(&self.key), Some(Arc::clone(&self.expected)));
        let stored = self.guard.commit(Commit { key, expected, bytes, life, tags, tell }).await;
        if stored.is_ok() {
            self.held = false;
        }
        stored
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(renewal) = self.renewal.take() {
            renewal.abort();
        }
        if self.held {
            give_back(&self.guard, Arc::clone(&self.key), Arc::clone(&self.expected));
        }
    }
}

fn give_back(guard: &Guard, key: Arc<str>, expected: Arc<[u8]>) {
    // Nobody waits for that.
    let guard = guard.unpaced();
    guard.clone().spawn(async move {
        // If it cannot be given back, it lapses.
        let _ = guard.release(key, expected).await;
    });
}

/// Keeps a lease alive while its load runs.
async fn renew(guard: Guard, key: Arc<str>, expected: Arc<[u8]>) {
    let third = LEASE_TTL / 3;
    for _ in 0..LONGEST.as_millis() / third.as_millis() {
        tokio::time::sleep(third).await;
        if let Ok(false) = guard.extend(Arc::clone(&key), Arc::clone(&expected), LEASE_TTL).await {
            return;
        }
    }
}
