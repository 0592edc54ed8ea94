//! Redis absent, killed, hung, slow: calls answer within the body's time and the deadline.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tiercache::{Cache, CallExt, Redis, Source, cached};
use tiercache_tests::{Calls, Load, Proxy, RedisServer, eventually};
use tokio::time::sleep;

use super::apart::{self, Logs};
use super::breaker::unhurried;
use super::table::{ABSENT, CUT, HUNG, OUT_OF_MEMORY, SILENT};
use super::{ABOUT_ONCE, ALONE, at_length, limit, measured};

pub(super) const BODY: Duration = Duration::from_millis(5);
pub(super) const DEADLINE: Duration = Duration::from_millis(100);
/// What a call may take beyond body and deadline.
pub(super) const MARGIN: Duration = Duration::from_millis(20);
/// What one of many calls may take beyond its body.
pub(super) const BEYOND: Duration = Duration::from_millis(150);
const RECOVERY: Duration = Duration::from_secs(2);

#[cached(prefix = "user", skip(runs))]
pub(super) async fn find(id: u64, runs: &Calls) -> Result<u64, String> {
    runs.hit();
    sleep(BODY).await;
    Ok(id)
}

pub(super) async fn at(url: &str) -> Cache {
    let redis = Redis::new(url).expect("the URL is well formed");
    Cache::builder()
        .l2(redis)
        .l2_deadline(DEADLINE)
        .build()
        .await
        .expect("a server that is down is no bad configuration")
}

/// Calls for `count` ids, ten at a time: how long 99 of 100 took at most.
pub(super) async fn p99_of(cache: &Cache, ids: std::ops::Range<u64>) -> Duration {
    let runs = Calls::new();
    let mut took = Vec::new();
    for begin in ids.clone().step_by(10) {
        let calls = (begin..begin + 10).map(|id| {
            let runs = &runs;
            cache.scope(async move {
                let started = Instant::now();
                assert_eq!(find(id, runs).await, Ok(id));
                started.elapsed()
            })
        });
        took.extend(join_all(calls).await);
    }
    took.sort();
    took[took.len() * 99 / 100]
}

/// Calls for any of many ids, 500 times a second.
pub(super) fn calling(cache: &Cache) -> Load {
    let (cache, runs) = (cache.clone(), Calls::new());
    Load::start(move |_| {
        let (cache, runs, id) = (cache.clone(), runs.clone(), fastrand::u64(..100_000));
        async move {
            let value = cache.scope(find(id, &runs)).await;
            if value == Ok(id) { Ok(()) } else { Err(format!("{value:?} is not that of {id}")) }
        }
    })
}

/// Ends the calls, none of which has failed and 99 of 100 of which took so long at most; says so.
pub(super) async fn served(load: Load, promised: Duration) -> String {
    let carried = load.end().await;
    assert!(carried.errors.is_empty(), "{:?}", carried.errors);
    assert!(carried.p99() < limit(promised), "{:?}", carried.p99());
    format!("0 errors of {} at 500/s; p99 {} ms", carried.calls(), carried.p99().as_millis())
}

/// Waits until a value stored by one instance is an L2 hit of another.
pub(super) async fn recovers(one: &Cache, two: &Cache) {
    let runs = Calls::new();
    let ids = std::sync::atomic::AtomicU64::new(1_000_000);
    eventually(
        || async {
            let id = ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let _ = one.scope(find(id, &runs)).await;
            let (_, outcome) = two.scope(find(id, &runs).with_outcome()).await;
            outcome.is_some_and(|outcome| outcome.source() == Source::L2)
        },
        limit(RECOVERY),
    )
    .await;
}

/// How many milliseconds that takes.
pub(super) async fn recovery(one: &Cache, two: &Cache) -> u128 {
    let begun = Instant::now();
    recovers(one, two).await;
    begun.elapsed().as_millis()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absent_at_the_start_and_used_soon_after_it_appears() {
    const TEST: &str = "redis_down::absent_at_the_start_and_used_soon_after_it_appears";
    if apart::case().is_some() {
        return absent().await;
    }
    let _alone = ALONE.lock().await;
    let [printed] = apart::each(TEST, ["absent"]).await;
    print!("{printed}");
}

/// In a process of its own, whose log is about this alone.
async fn absent() {
    let mut server = RedisServer::start().await;
    server.stop().await;
    let logs = Logs::collect();
    let one = at(&server.url()).await;
    let p99 = p99_of(&one, 0..1_000).await;
    assert!(p99 < limit(BODY + DEADLINE + MARGIN), "{p99:?}");
    assert!(one.stats().l2_errors["unavailable"] > 0);
    sleep(Duration::from_secs(at_length(1, 30))).await;
    let lines = logs.lines();
    assert!((1..=ABOUT_ONCE).contains(&lines.len()), "{lines:#?}");
    let two = at(&server.url()).await;
    server.restart().await;
    let used = recovery(&one, &two).await;
    let (p99, lines) = (p99.as_millis(), lines.len());
    measured(ABSENT, format!("0 errors of 1,000; p99 {p99} ms; {lines} log lines; used after {used} ms"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_mid_run_and_back_again() {
    let _alone = ALONE.lock().await;
    let mut server = RedisServer::start().await;
    let (one, two) = (at(&server.url()).await, at(&server.url()).await);
    recovers(&one, &two).await;
    server.kill().await;
    let p99 = p99_of(&one, 0..1_000).await;
    assert!(p99 < limit(BODY + DEADLINE + MARGIN), "{p99:?}");
    server.restart().await;
    recovers(&one, &two).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hung_and_going_on() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let (one, two) = (at(&server.url()).await, at(&server.url()).await);
    recovers(&one, &two).await;
    server.pause();
    let p99 = p99_of(&one, 0..100).await;
    assert!(p99 < limit(BODY + DEADLINE + MARGIN), "{p99:?}");
    assert!(one.stats().l2_errors["timeout"] > 0);
    server.resume();
    let used = recovery(&one, &two).await;
    measured(HUNG, format!("0 errors of 100; p99 {} ms; used after {used} ms", p99.as_millis()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_answers_come_too_late_and_never_to_another_call() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let (one, two) = (at(&proxy.url()).await, at(&server.url()).await);
    // Every value is there to be mistaken for another's.
    p99_of(&two, 0..100).await;
    one.health().await;
    proxy.latency(Duration::from_millis(150));
    let p99 = p99_of(&one, 0..100).await;
    assert!(p99 < limit(BODY + DEADLINE + MARGIN), "{p99:?}");
    proxy.pass();
    recovers(&two, &one).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_fell_silent_is_replaced() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let (one, two) = (at(&proxy.url()).await, at(&server.url()).await);
    recovers(&one, &two).await;
    proxy.black_hole();
    let p99 = p99_of(&one, 0..200).await;
    assert!(p99 < limit(BODY + DEADLINE + MARGIN), "{p99:?}");
    // Bytes that were swallowed never come: only a new connection helps.
    proxy.pass();
    let connections = proxy.accepted();
    let used = recovery(&two, &one).await;
    assert!(proxy.accepted() > connections);
    measured(SILENT, format!("0 errors of 200; p99 {} ms; replaced and used after {used} ms", p99.as_millis()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_cut_after_any_byte_is_a_miss() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let (one, two) = (at(&proxy.url()).await, at(&server.url()).await);
    let runs = Calls::new();
    two.scope(find(7, &runs)).await.unwrap();
    for bytes in 0..250 {
        proxy.cut_after(bytes);
        one.clear_l1();
        assert_eq!(one.scope(find(7, &runs)).await, Ok(7), "cut after {bytes}");
    }
    proxy.pass();
    let used = recovery(&two, &one).await;
    measured(CUT, format!("250 cuts: 0 errors, 0 wrong values; used after {used} ms"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn out_of_memory_stops_stores_and_not_reads_or_invalidations() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    // The one that is timed is not the one that must not be late.
    let (one, two, runs) = (at(&server.url()).await, unhurried(&server.url()).await, Calls::new());
    recovers(&one, &two).await;
    two.scope(find(1, &runs)).await.unwrap();
    two.clear_l1();
    let (mut connection, load) = (server.connection().await, calling(&one));
    for (setting, value) in [("maxmemory-policy", "noeviction"), ("maxmemory", "1")] {
        let _: () = redis::cmd("CONFIG").arg("SET").arg(setting).arg(value).query_async(&mut connection).await.unwrap();
    }
    let (_, outcome) = two.scope(find(1, &runs).with_outcome()).await;
    assert_eq!(outcome.unwrap().source(), Source::L2);
    assert_eq!(one.scope(find(2, &runs)).await, Ok(2));
    let refuses = async || one.stats().l2_errors.get("out_of_memory").is_some_and(|refusals| *refusals > 0);
    eventually(refuses, limit(RECOVERY)).await;
    two.scope(async { find_entry(1).invalidate().await }).await.unwrap();
    two.clear_l1();
    let (_, outcome) = two.scope(find(1, &runs).with_outcome()).await;
    assert_eq!(outcome.unwrap().source(), Source::Loader);
    sleep(Duration::from_secs(at_length(1, 5))).await;
    let (carried, skipped) = (served(load, BODY + BEYOND).await, one.stats().total.store_failures);
    measured(OUT_OF_MEMORY, format!("a read and an invalidation served; {carried}; {skipped} stores skipped"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalidation_that_cannot_reach_l2_says_so_and_is_done_here() {
    let _alone = ALONE.lock().await;
    let mut server = RedisServer::start().await;
    let (cache, runs) = (at(&server.url()).await, Calls::new());
    cache.scope(find(1, &runs)).await.unwrap();
    server.stop().await;
    let error = cache.scope(async { find_entry(1).invalidate().await }).await.unwrap_err();
    assert!(error.to_string().contains("L2 may still hold it"), "{error}");
    cache.scope(find(1, &runs)).await.unwrap();
    assert_eq!(runs.get(), 2);
}
