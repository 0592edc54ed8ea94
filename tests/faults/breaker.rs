//! An L2 that fails is left alone: calls do not pay for it, and it is used again soon after it answers.

use std::time::{Duration, Instant};

use tiercache::{Cache, CallExt, L2Health, Redis, Source, cached};
use tiercache_tests::{Calls, Proxy, RedisServer, eventually};

use super::redis_down::{BEYOND, BODY, at, calling, recovers, recovery, served};
use super::table::BLACK_HOLE;
use super::{ALONE, limit, measured};

/// Far more than a body takes and far less than is spared: what is measured is not the machine.
const DEADLINE: Duration = Duration::from_secs(1);

#[cached(prefix = "quick", skip(runs))]
pub(super) async fn quick(id: u64, runs: &Calls) -> u64 {
    runs.hit();
    id
}

pub(super) async fn patient(url: &str) -> Cache {
    waiting(url, DEADLINE).await
}

/// An instance that waits for a Redis that answers, however busy the machine is.
pub(super) async fn unhurried(url: &str) -> Cache {
    waiting(url, Duration::from_secs(20)).await
}

pub(super) async fn waiting(url: &str, deadline: Duration) -> Cache {
    let redis = Redis::new(url).expect("the URL is well formed").connect_timeout(deadline);
    Cache::builder().l2(redis).l2_deadline(deadline).build().await.expect("the settings are good")
}

/// Calls until the breaker is open.
pub(super) async fn until_open(cache: &Cache) {
    let runs = Calls::new();
    let calls = (0..10).map(|id| cache.scope(quick(1_000_000 + id, &runs)));
    futures_util::future::join_all(calls).await;
    let open = async || !matches!(cache.health().await.l2, L2Health::Up { .. } | L2Health::Down { .. });
    eventually(open, Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_black_hole_calls_cost_no_deadline_and_it_ends_by_itself() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let (one, two, runs) = (patient(&proxy.url()).await, at(&server.url()).await, Calls::new());
    recovers(&two, &one).await;
    let load = calling(&one);
    proxy.black_hole();
    until_open(&one).await;
    assert_eq!(one.stats().l2.breaker_opened, 1);
    let begun = Instant::now();
    for id in 0..1_000 {
        one.scope(quick(id, &runs)).await;
    }
    // One deadline would be as much.
    let took = begun.elapsed();
    assert!(took < limit(DEADLINE), "{took:?}");
    assert_eq!(runs.get(), 1_000);
    proxy.pass();
    let used = recovery(&two, &one).await;
    assert!(matches!(one.health().await.l2, L2Health::Up { .. }));
    let carried = served(load, BODY + DEADLINE + BEYOND).await;
    measured(BLACK_HOLE, format!("1,000 calls in {} ms; {carried}; used after {used} ms", took.as_millis()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_on_behalf_of_calls_while_it_is_open() {
    const CALLS: u64 = 1_000;
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let (cache, runs) = (at(&proxy.url()).await, Calls::new());
    proxy.down().await;
    until_open(&cache).await;
    let begun = Instant::now();
    let (before, errors) = (proxy.accepted(), cache.stats().l2_errors);
    for id in 0..CALLS {
        cache.scope(quick(id, &runs)).await;
    }
    // The probes of the cache's own, about one a second, and what the bus tries to join anew: by a calm clock and for as long as it takes.
    let own = 50 + 8 * begun.elapsed().as_secs();
    let tries = (proxy.accepted() - before) as u64;
    assert!(tries < own.min(CALLS), "{tries} connections");
    let failed = cache.stats().l2_errors.values().sum::<u64>() - errors.values().sum::<u64>();
    assert!(failed < own.min(CALLS), "{failed} operations");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn out_of_memory_writes_are_skipped_and_taken_up_again() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let (one, two, runs) = (unhurried(&server.url()).await, unhurried(&server.url()).await, Calls::new());
    recovers(&one, &two).await;
    one.scope(quick(0, &runs)).await;
    memory(&server, "1").await;
    for id in 1..=100 {
        one.scope(quick(id, &runs)).await;
    }
    let stats = one.stats();
    assert_eq!(stats.total.store_failures, 100);
    assert!(stats.l2.writes_skipped >= 90, "{:?}", stats.l2);
    assert!(matches!(one.health().await.l2, L2Health::Full { .. }));
    let (_, outcome) = two.scope(quick(0, &runs).with_outcome()).await;
    assert_eq!(outcome.unwrap().source(), Source::L2, "it is read");
    one.scope(async { quick_entry(0).invalidate().await }).await.expect("it is told what is invalid");
    memory(&server, "0").await;
    recovers(&one, &two).await;
    assert!(matches!(one.health().await.l2, L2Health::Up { .. }));
}

async fn memory(server: &RedisServer, limit: &str) {
    let mut connection = server.connection().await;
    for (setting, value) in [("maxmemory-policy", "noeviction"), ("maxmemory", limit)] {
        redis::cmd("CONFIG").arg("SET").arg(setting).arg(value).exec_async(&mut connection).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_connection_is_no_miss() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let (one, two, runs) = (unhurried(&proxy.url()).await, unhurried(&server.url()).await, Calls::new());
    recovers(&two, &one).await;
    two.scope(quick(7, &runs)).await;
    for _ in 0..20 {
        one.clear_l1();
        proxy.cut_all().await;
        let (_, outcome) = one.scope(quick(7, &runs).with_outcome()).await;
        assert_eq!(outcome.unwrap().source(), Source::L2);
    }
    assert!(one.stats().l2.retries > 0);
}
