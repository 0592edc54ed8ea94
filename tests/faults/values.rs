//! Bodies that panic or hang, and values that panic in what they do themselves: everybody gets an answer, and the next call is fine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tiercache::{Cache, Memory, cached};
use tiercache_tests::Calls;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::table::{HANGS, PANICS, VALUE_PANICS};
use super::{ALONE, measured};

const WAITERS: u64 = 10;
const WAIT_LIMIT: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(20);

/// What is about waiting says how long; nobody else is to meet that limit on a busy machine.
async fn two_tiers(wait_limit: Duration) -> Cache {
    let builder = Cache::builder().l2(Memory::new()).l2_deadline(Duration::from_secs(10));
    builder.wait_limit(wait_limit).build().await.unwrap()
}

fn spawn<T: Send + 'static>(cache: &Cache, call: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    let cache = cache.clone();
    tokio::spawn(async move { timeout(PATIENCE, cache.scope(call)).await.expect("nobody waits for ever") })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_panics_fails_its_own_caller_and_nobody_else() {
    #[cached(prefix = "panics", skip(runs))]
    async fn panics_first(id: u64, runs: Calls) -> u64 {
        let nth = runs.hit();
        sleep(Duration::from_millis(2)).await;
        assert!(nth > 1, "meant");
        id
    }
    let cache = two_tiers(PATIENCE).await;
    for id in 0..100 {
        let runs = Calls::new();
        let calls = join_all((0..WAITERS).map(|_| spawn(&cache, panics_first(id, runs.clone())))).await;
        assert_eq!(calls.iter().filter(|call| call.as_ref().is_err_and(tokio::task::JoinError::is_panic)).count(), 1);
        assert!(calls.iter().flatten().all(|value| *value == id));
        assert_eq!(runs.get(), 2, "one that panicked, and one for all who waited");
        assert_eq!(cache.scope(panics_first(id, runs)).await, id);
    }
    assert_eq!(cache.health().await.loads_in_flight, 0);
    measured(PANICS, "100 panics: 900 of 900 waiters answered by one more body each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_hangs_holds_nobody_longer_than_the_wait_limit() {
    #[cached(prefix = "hangs", skip(runs))]
    async fn hangs_first(id: u64, runs: Calls) -> u64 {
        if runs.hit() == 1 {
            std::future::pending::<()>().await;
        }
        id
    }
    let _alone = ALONE.lock().await;
    let (cache, runs) = (two_tiers(WAIT_LIMIT).await, Calls::new());
    let hanging = spawn(&cache, hangs_first(1, runs.clone()));
    while runs.get() == 0 {
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    for value in join_all((0..WAITERS).map(|_| spawn(&cache, hangs_first(1, runs.clone())))).await {
        assert_eq!(value.unwrap(), 1);
    }
    let took = begun.elapsed();
    assert!(took >= WAIT_LIMIT && took < PATIENCE / 2, "{took:?}");
    hanging.abort();
    assert!(hanging.await.unwrap_err().is_cancelled());
    assert_eq!(cache.scope(hangs_first(1, runs)).await, 1);
    measured(HANGS, format!("{WAITERS} waiters answered after {} ms of {WAIT_LIMIT:?}", took.as_millis()));
}

/// What a value is to panic in.
const NOTHING: u8 = 0;
const CLONE: u8 = 1;
const SERIALIZE: u8 = 2;
const DROP: u8 = 3;
const KINDS: [u8; 3] = [CLONE, SERIALIZE, DROP];
static ARMED: AtomicU8 = AtomicU8::new(NOTHING);

fn explode(what: u8) {
    // Once, and never while another panic unwinds: that would abort, whoever holds the value.
    let meant = || ARMED.compare_exchange(what, NOTHING, Ordering::SeqCst, Ordering::SeqCst).is_ok();
    assert!(std::thread::panicking() || !meant(), "meant");
}

#[derive(Debug, PartialEq)]
struct Mine(u64);

impl Clone for Mine {
    fn clone(&self) -> Self {
        explode(CLONE);
        Self(self.0)
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        explode(DROP);
    }
}

impl Serialize for Mine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        explode(SERIALIZE);
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Mine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self)
    }
}

#[cached(prefix = "mine", skip(gate))]
async fn mine(id: u64, gate: Arc<tokio::sync::Semaphore>) -> Mine {
    let _permit = gate.acquire().await.expect("nobody closes it");
    Mine(id)
}

/// Drops the value in the caller's task.
fn number(id: u64, gate: &Arc<tokio::sync::Semaphore>) -> impl Future<Output = u64> + use<> {
    let gate = Arc::clone(gate);
    async move { mine(id, gate).await.0 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_panics_in_clone_serialize_or_drop_harms_at_most_those_who_met_it() {
    let cache = two_tiers(PATIENCE).await;
    let (mut answered, mut panicked, rounds) = (0, 0, 50);
    for id in 0..rounds {
        for what in KINDS {
            let id = id * 10 + u64::from(what);
            // As a load, with callers who wait.
            let gate = Arc::new(tokio::sync::Semaphore::new(0));
            let calls: Vec<_> = (0..WAITERS).map(|_| spawn(&cache, number(id, &gate))).collect();
            ARMED.store(what, Ordering::SeqCst);
            gate.add_permits(1);
            for call in join_all(calls).await {
                match call {
                    Ok(value) => {
                        assert_eq!(value, id);
                        answered += 1;
                    }
                    Err(error) => panicked += u64::from(error.is_panic()),
                }
            }
            // As a hit in memory, and as one that an invalidation drops.
            for _ in 0..2 {
                ARMED.store(what, Ordering::SeqCst);
                let hit = spawn(&cache, number(id, &gate));
                let _ = hit.await;
                let invalidated = spawn(&cache, async move { mine_entry(id).invalidate().await });
                let _ = invalidated.await;
            }
            ARMED.store(NOTHING, Ordering::SeqCst);
            assert_eq!(cache.scope(mine(id, Arc::clone(&gate))).await.0, id, "the next call is fine");
        }
    }
    assert_eq!(cache.health().await.loads_in_flight, 0);
    assert_eq!(answered + panicked, rounds * KINDS.len() as u64 * WAITERS);
    assert!(panicked <= rounds * KINDS.len() as u64, "{panicked}");
    measured(
        VALUE_PANICS,
        format!("{} panics: {answered} callers answered, {panicked} saw one", rounds * KINDS.len() as u64),
    );
}
