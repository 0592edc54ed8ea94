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
use crate::store::{Commit, Committed, Sent, Swap, Tell};

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
        let marker = marker();
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

    /// With what it is to be filled.
    pub(crate) fn with(self, bytes: Vec<u8>, life: Duration, tags: Arc<[String]>) -> Filling {
        Filling { lease: self, bytes, life, tags }
    }

    /// Puts a new lease in the place if the right has not been lost, else leaves nothing there; tells the other instances. Gives that
    /// lease if it is there.
    pub(crate) async fn exchange(mut self, tell: Tell) -> Result<(Committed, Option<Self>)> {
        let exchanged = Self::put(&self.guard, &self.key, Some(Arc::clone(&self.expected)), tell).await;
        if exchanged.is_ok() {
            self.held = false;
        }
        exchanged
    }

    /// Puts a lease under `key` in the place of what is `expected`, or of anything; else leaves nothing there. Tells the other instances.
    ///
    /// Cancel safe: a lease that is put when the caller is gone is given back.
    pub(crate) async fn put(
        guard: &Guard,
        key: &Arc<str>,
        expected: Option<Arc<[u8]>>,
        tell: Tell,
    ) -> Result<(Committed, Option<Self>)> {
        let marker = marker();
        let (bytes, tags) = (marker.to_vec(), Arc::default());
        let commit = Commit { key: Arc::clone(key), expected, bytes, is_lease: true, life: LEASE_TTL, tags, tell };
        let held = {
            let (guard, key, marker) = (guard.clone(), Arc::clone(key), Arc::clone(&marker));
            move || Self::held(guard, key, marker)
        };
        let answer = move |committed: Committed| {
            let lease = committed.stored.then(held);
            (committed, lease)
        };
        let put = guard.commit_lease(commit, answer).await;
        if put.is_err() {
            give_back(guard, Arc::clone(key), marker);
        }
        put
    }

    /// The same for many keys, which differ, in the place of anything.
    pub(crate) async fn put_many(guard: &Guard, keys: &[Arc<str>], tell: Tell) -> Result<(Option<String>, Vec<Self>)> {
        let leased: Vec<_> = keys.iter().map(|key| (Arc::clone(key), marker())).collect();
        let sent = |(key, marker): &(Arc<str>, Arc<[u8]>)| {
            let (key, bytes) = (Arc::clone(key), marker.to_vec());
            Sent { key, bytes, is_lease: true, life: LEASE_TTL, tags: Arc::default() }
        };
        let sent = leased.iter().map(sent).collect();
        let answer = {
            let (guard, leased) = (guard.clone(), leased.clone());
            let held = move |(key, marker)| Self::held(guard.clone(), key, marker);
            move |place| (place, leased.into_iter().map(held).collect())
        };
        let put = guard.write_leases(sent, tell, answer).await;
        if put.is_err() {
            for (key, marker) in leased {
                give_back(guard, key, marker);
            }
        }
        put
    }

    /// Gives it back, and waits for that.
    pub(crate) async fn give_back(mut self) {
        self.held = false;
        // If it cannot be given back, it lapses.
        let _ = self.guard.unpaced().release(Arc::clone(&self.key), Arc::clone(&self.expected)).await;
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
        let stored = self.guard.commit(Commit { key, expected, bytes, is_lease: false, life, tags, tell }).await;
        if stored.is_ok() {
            self.held = false;
        }
        stored
    }
}

/// A lease, and what its key is to be filled with.
#[derive(Debug)]
pub(crate) struct Filling {
    lease: Lease,
    bytes: Vec<u8>,
    life: Duration,
    tags: Arc<[String]>,
}

impl Filling {
    /// Gives the lease back, and waits for that.
    pub(crate) async fn give_up(self) {
        self.lease.give_back().await;
    }
}

/// Fills each of them as [`Lease::fill`] does, in one round trip. Says of each whether it was stored, or `None` if L2 has failed.
pub(crate) async fn fill_many(guard: &Guard, fillings: Vec<Filling>) -> Vec<Option<bool>> {
    let (mut leases, swaps): (Vec<Lease>, Vec<Swap>) = fillings
        .into_iter()
        .map(|Filling { lease, bytes, life, tags }| {
            let (key, expected) = (Arc::clone(&lease.key), Arc::clone(&lease.expected));
            (lease, Swap { key, expected, bytes, life, tags })
        })
        .unzip();
    let filled = match guard.swap_many(swaps).await {
        Ok(filled) => filled.into_iter().map(Result::ok).collect(),
        Err(_) => vec![None; leases.len()],
    };
    for (lease, filled) in leases.iter_mut().zip(&filled) {
        // One that was not stored is another's by now, or nobody's.
        lease.held &= filled.is_none();
    }
    filled
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

/// What stands for a lease: no two are alike.
fn marker() -> Arc<[u8]> {
    envelope::lease(fastrand::u64(..)).into()
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
