//! Callers that go away, and callers that never ask for the same thing twice.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use redis::AsyncCommands;
use tiercache::{Cache, L1, cached};
use tiercache_tests::{Calls, Proxy, RedisServer, eventually, memory};
use tokio::time::{sleep, timeout};

use super::breaker::patient;
use super::redis_down::recovers;
use super::table::{CANCELLED, MANY_KEYS};
use super::{ALONE, at_length, limit, measured};

const SOON: Duration = Duration::from_secs(10);
/// Calls under way at a time.
const AT_ONCE: u64 = 200;
/// What the bytes of a lease begin with.
const LEASE: [u8; 3] = [0x74, 0xc7, 0];

#[cached(prefix = "slow", skip(runs))]
async fn slow(id: u64, runs: Calls) -> String {
    runs.hit();
    sleep(Duration::from_millis(fastrand::u64(..10))).await;
    format!("value {id}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_dropped_at_random_leave_right_values_and_nothing_else() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let (one, two, runs) = (patient(&proxy.url()).await, patient(&server.url()).await, Calls::new());
    recovers(&one, &two).await;
    proxy.latency(Duration::from_millis(10));
    // How long so many take here and now, of which nobody goes away.
    let begun = Instant::now();
    join_all((0..AT_ONCE).map(|id| one.scope(slow(1_000_000 + id, runs.clone())))).await;
    let usual = u64::try_from(begun.elapsed().as_micros()).unwrap();
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let calls = at_length(10_000, 100_000);
    let call = |_| {
        let (one, runs, id) = (one.clone(), runs.clone(), fastrand::u64(..2_000));
        let patience = Duration::from_micros(fastrand::u64(..usual));
        async move {
            let value = timeout(patience, one.scope(slow(id, runs))).await;
            value.is_ok_and(|value| {
                assert_eq!(value, format!("value {id}"));
                true
            })
        }
    };
    let answered =
        stream::iter(0..calls).map(call).buffer_unordered(AT_ONCE as usize).filter(|done| std::future::ready(*done));
    let answered = answered.count().await as u64;
    assert!(answered > 0 && answered < calls, "{answered} of {calls}");
    eventually(async || one.health().await.loads_in_flight == 0, SOON).await;
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    eventually(async || alive() <= tasks, SOON).await;
    // Given back by those who were dropped: well before they would lapse.
    eventually(async || leases(&server).await == 0, limit(Duration::from_secs(2))).await;
    for id in 0..2_000 {
        assert_eq!(two.scope(slow(id, runs.clone())).await, format!("value {id}"));
    }
    assert_eq!(two.stats().rejected.values().sum::<u64>(), 0);
    let dropped = calls - answered;
    measured(CANCELLED, format!("{calls} calls, {dropped} dropped: 0 wrong values; 0 loads, leases, tasks left"));
}

async fn leases(server: &RedisServer) -> usize {
    let mut connection = server.connection().await;
    let keys: Vec<String> = connection.keys("tiercache:slow:*").await.unwrap();
    let mut leases = 0;
    for key in keys {
        let bytes: Vec<u8> = connection.getrange(&key, 0, 2).await.unwrap();
        leases += usize::from(bytes == LEASE);
    }
    leases
}

#[cached(prefix = "number", tags("group:{group}"))]
async fn number(id: u64, group: u64) -> u64 {
    let _ = group;
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_distinct_keys_stay_within_the_bound_of_memory() {
    let _alone = ALONE.lock().await;
    let keys = at_length(50_000, 5_000_000);
    let one = walked(L1::mini_moka(), keys).await;
    let two = walked(L1::quick_cache(), keys).await;
    let (most, grown) = (one.0.max(two.0), one.1.max(two.1) >> 20);
    measured(MANY_KEYS, format!("{} keys: ≤ {most} entries of {BOUND}; 0 loads left; + {grown} MiB", keys * 2));
}

const BOUND: u64 = 10_000;

/// Calls for so many keys: the most entries there ever were, and by how many bytes the process has grown.
async fn walked(engine: L1, keys: u64) -> (u64, u64) {
    let cache = Cache::builder().l1(engine.max_entries(BOUND)).build().await.unwrap();
    let before = memory();
    let walk = |first: u64| {
        let cache = cache.clone();
        tokio::spawn(async move {
            let mut most = 0;
            for id in (first..keys).step_by(2) {
                assert_eq!(cache.scope(number(id, id % 1_000)).await, id);
                if id % 1_000 < 2 {
                    most = most.max(cache.stats().total.l1_entries);
                }
            }
            most
        })
    };
    let most = join_all([0, 1].map(walk)).await.into_iter().map(Result::unwrap).max().unwrap();
    let grown = memory().saturating_sub(before);
    // An engine that evicts behind may be a little over its bound for a moment.
    assert!(most <= BOUND + BOUND / 10, "{most}");
    assert!(grown < 64 << 20, "{grown}");
    assert_eq!(cache.health().await.loads_in_flight, 0);
    (most, grown)
}
