//! An invalidation holds on every instance: at once by the bus, and within `max_staleness` without it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::AsyncCommands;
use tiercache::{Cache, CallExt, Freshness, Redis, Source, cached};
use tiercache_tests::{Calls, Proxy, RedisServer, eventually};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::instance;
use super::races::carried_out;

/// What a busy machine may take.
const SOON: Duration = Duration::from_secs(10);
const MAX_STALENESS: Duration = Duration::from_secs(2);

#[cached(prefix = "user", l1_ttl = 60, skip(runs))]
async fn find(id: u64, runs: &Calls) -> usize {
    runs.hit()
}

/// Calls until the answer is another one. No call that begins after the bound may give the old one, however busy the machine is.
async fn until_changed(cache: &Cache, id: u64, runs: &Calls, old: usize) {
    let started = Instant::now();
    loop {
        let begun = started.elapsed();
        if cache.scope(find(id, runs)).await != old {
            return;
        }
        assert!(begun < MAX_STALENESS, "still the old value after {begun:?}");
        sleep(Duration::from_micros(200)).await;
    }
}

/// Two instances that have heard each other.
pub(super) async fn pair(server: &RedisServer) -> (Cache, Cache, Calls) {
    let (one, two, runs) = (instance(server).await, instance(server).await, Calls::new());
    let connection = server.connection().await;
    let ready = async || {
        let mut connection = connection.clone();
        let listeners: Vec<(String, usize)> =
            redis::cmd("PUBSUB").arg("NUMSUB").arg("shop:@bus").query_async(&mut connection).await.unwrap();
        // Each has a place of its own in the log.
        let anchors: usize = redis::cmd("XLEN").arg("shop:@log").query_async(&mut connection).await.unwrap();
        listeners[0].1 == 2 && anchors >= 2
    };
    eventually(ready, Duration::from_secs(10)).await;
    (one, two, runs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_invalidated_here_are_gone_there() {
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    for by_prefix in [true, false] {
        let old = one.scope(find(1, &runs)).await;
        assert_eq!(two.scope(find(1, &runs)).await, old);
        let invalidated = if by_prefix { one.invalidate_prefix("user").await } else { one.clear().await };
        invalidated.unwrap();
        until_changed(&two, 1, &runs, old).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_bus_it_is_gone_within_the_bound() {
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    let mut connection = server.connection().await;
    for id in 0..5 {
        let old = one.scope(find(id, &runs)).await;
        assert_eq!(two.scope(find(id, &runs)).await, old);
        let _: i64 =
            redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub").query_async(&mut connection).await.unwrap();
        one.scope(async { find_entry(id).invalidate().await }).await.unwrap();
        until_changed(&two, id, &runs, old).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_gone_makes_everything_in_memory_stale() {
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    let old = two.scope(find(1, &runs)).await;
    assert_eq!(one.scope(find(1, &runs)).await, old);
    server.flush().await;
    until_changed(&two, 1, &runs, old).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_that_cannot_be_understood_make_everything_in_memory_stale() {
    let server = RedisServer::start().await;
    let (_, two, runs) = pair(&server).await;
    let mut connection = server.connection().await;
    let forgeries = [&b"hello"[..], &[1, 1, 3], &[9; 5_000]];
    for forged in forgeries {
        let old = two.scope(find(1, &runs)).await;
        let _: () = connection.del(two.scope(async { find_entry(1).key() }).await.unwrap()).await.unwrap();
        let _: () = connection.publish("shop:@bus", forged).await.unwrap();
        until_changed(&two, 1, &runs, old).await;
    }
    assert_eq!(two.stats().l2.unknown_news, forgeries.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_begun_before_another_instances_invalidation_is_not_kept() {
    #[cached(prefix = "gated", l1_ttl = 60, skip(gate, runs))]
    async fn gated(id: u64, gate: Arc<Notify>, runs: Calls) -> usize {
        let nth = runs.hit();
        if nth == 1 {
            gate.notified().await;
        }
        nth
    }
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    let gate = Arc::new(Notify::new());
    let load = {
        let (two, gate, runs) = (two.clone(), Arc::clone(&gate), runs.clone());
        tokio::spawn(async move { two.scope(gated(1, gate, runs)).await })
    };
    eventually(|| async { runs.get() == 1 }, SOON).await;
    one.scope(async { gated_entry(1).invalidate().await }).await.unwrap();
    gate.notify_one();
    assert_eq!(load.await.unwrap(), 1);
    assert_eq!(two.scope(gated(1, Arc::clone(&gate), runs.clone())).await, 2);
    assert_eq!(one.scope(gated(1, gate, runs.clone())).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_off_memory_shields_the_database_within_its_bound() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let runs = Calls::new();
    let build = |freshness| {
        let redis = Redis::new(proxy.url()).unwrap();
        let builder = Cache::builder().namespace("shop").l2(redis).freshness(freshness);
        builder.max_staleness(Duration::from_millis(200)).degraded_l1_ttl(Duration::from_millis(1_500)).build()
    };
    let bounded = build(Freshness::Bounded).await.unwrap();
    let strict = build(Freshness::Strict).await.unwrap();
    let available = build(Freshness::Available).await.unwrap();
    let sources = async || {
        let mut sources = Vec::new();
        for cache in [&bounded, &strict, &available] {
            sources.push(cache.scope(find(1, &runs).with_outcome()).await.1.unwrap().source());
        }
        sources
    };
    sources().await;
    assert_eq!(sources().await, [Source::L1; 3]);
    proxy.down().await;
    sleep(Duration::from_millis(400)).await;
    assert_eq!(sources().await, [Source::L1, Source::Loader, Source::L1]);
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!(sources().await, [Source::Loader, Source::Loader, Source::L1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nested_function_does_not_serve_a_load_what_was_known_before_it() {
    #[cached(prefix = "outer", l1_ttl = 60, skip(runs))]
    async fn outer(id: u64, runs: &Calls) -> usize {
        find(id, runs).await
    }
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    let old = one.scope(find(1, &runs)).await;
    assert_eq!(two.scope(find(1, &runs)).await, old);
    // By hand, so that nobody is told: only what is proved later than the outer load's begin may go into it.
    let _: () = server.connection().await.del(one.scope(async { find_entry(1).key() }).await.unwrap()).await.unwrap();
    assert_ne!(two.scope(outer(1, &runs)).await, old);
    assert_eq!(one.scope(find(1, &runs)).await, old, "outside of a load, memory answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inside_a_load_heartbeats_prove_nothing() {
    #[cached(prefix = "patient", l1_ttl = 60, skip(gate, runs, begun))]
    async fn patient(id: u64, gate: Arc<Notify>, runs: Calls, begun: Arc<Notify>) -> usize {
        begun.notify_one();
        gate.notified().await;
        find(id, &runs).await
    }
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    let (gate, begun, connection) = (Arc::new(Notify::new()), Arc::new(Notify::new()), server.connection().await);
    let old = two.scope(find(1, &runs)).await;
    let key = two.scope(async { find_entry(1).key() }).await.unwrap();
    let load = {
        let (two, gate, runs, begun) = (two.clone(), Arc::clone(&gate), runs.clone(), Arc::clone(&begun));
        tokio::spawn(async move { two.scope(patient(1, gate, runs, begun)).await })
    };
    begun.notified().await;
    // By hand, so that nobody is told; and then each instance's heart beats, twice at least.
    let _: () = connection.clone().del(key).await.unwrap();
    let before = carried_out(&connection, "xrange").await;
    eventually(|| async { carried_out(&connection, "xrange").await >= before + 5 }, SOON).await;
    gate.notify_one();
    assert_ne!(load.await.unwrap(), old);
    drop(one);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalidation_works_out_of_memory_and_is_heard() {
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    let old = one.scope(find(1, &runs)).await;
    assert_eq!(two.scope(find(1, &runs)).await, old);
    let mut connection = server.connection().await;
    for (setting, value) in [("maxmemory-policy", "noeviction"), ("maxmemory", "1")] {
        let _: () = redis::cmd("CONFIG").arg("SET").arg(setting).arg(value).query_async(&mut connection).await.unwrap();
    }
    one.scope(async { find_entry(1).invalidate().await }).await.unwrap();
    until_changed(&two, 1, &runs, old).await;
    let old = two.scope(find(1, &runs)).await;
    one.invalidate_prefix("user").await.unwrap();
    until_changed(&two, 1, &runs, old).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_set_here_is_served_there() {
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    let old = one.scope(find(1, &runs)).await;
    assert_eq!(two.scope(find(1, &runs)).await, old);
    one.scope(async { find_entry(1).set(777).await }).await.unwrap();
    until_changed(&two, 1, &runs, old).await;
    assert_eq!(two.scope(find(1, &runs)).await, 777);
    assert_eq!(one.scope(find(1, &runs)).await, 777);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prefix_whose_stamp_was_evicted_is_invalidated_all_the_same() {
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    let mut connection = server.connection().await;
    for lost in ["shop:@groups", "n", "p:user"] {
        let old = one.scope(find(1, &runs)).await;
        assert_eq!(two.scope(find(1, &runs)).await, old);
        let _: usize = match lost {
            "shop:@groups" => connection.del(lost).await.unwrap(),
            field => connection.hdel("shop:@groups", field).await.unwrap(),
        };
        one.invalidate_prefix("user").await.unwrap();
        until_changed(&two, 1, &runs, old).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nested_function_does_not_join_a_load_begun_before_its_own() {
    #[cached(prefix = "inside", l1_ttl = 60, skip(gate, runs))]
    async fn inside(id: u64, gate: Arc<Notify>, runs: Calls) -> usize {
        let nth = runs.hit();
        if nth == 1 {
            gate.notified().await;
        }
        nth
    }
    #[cached(prefix = "around", l1_ttl = 60, skip(gate, runs, begun))]
    async fn around(id: u64, gate: Arc<Notify>, runs: Calls, begun: Arc<Notify>) -> usize {
        begun.notify_one();
        inside(id, gate, runs).await
    }
    let server = RedisServer::start().await;
    let (_, two, runs) = pair(&server).await;
    let (gate, begun) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let within = {
        let (two, gate, runs) = (two.clone(), Arc::clone(&gate), runs.clone());
        tokio::spawn(async move { two.scope(inside(1, gate, runs)).await })
    };
    eventually(|| async { runs.get() == 1 }, SOON).await;
    // What the load under way has read is older than the outer load: it may have been invalidated in between, unheard.
    let outer = {
        let (two, gate, runs, begun) = (two.clone(), Arc::clone(&gate), runs.clone(), Arc::clone(&begun));
        tokio::spawn(async move { two.scope(around(1, gate, runs, begun)).await })
    };
    begun.notified().await;
    let _: () = server.connection().await.del(two.scope(async { inside_entry(1).key() }).await.unwrap()).await.unwrap();
    gate.notify_one();
    assert_eq!(within.await.unwrap(), 1);
    assert_eq!(outer.await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_that_was_begun_longer_ago_than_the_bound_is_not_joined() {
    #[cached(prefix = "long", l1_ttl = 60, skip(gate, runs))]
    async fn long(id: u64, gate: Arc<Notify>, runs: Calls) -> usize {
        let nth = runs.hit();
        if nth == 1 {
            gate.notified().await;
        }
        nth
    }
    const BOUND: Duration = Duration::from_millis(200);
    let (server, gate, runs) = (RedisServer::start().await, Arc::new(Notify::new()), Calls::new());
    let builder = Cache::builder().namespace("shop").l2(Redis::new(server.url()).unwrap()).max_staleness(BOUND);
    let cache = builder.build().await.unwrap();
    let call = || {
        let (cache, gate, runs) = (cache.clone(), Arc::clone(&gate), runs.clone());
        async move { cache.scope(long(1, gate, runs)).await }
    };
    let first = tokio::spawn(call());
    eventually(|| async { runs.get() == 1 }, SOON).await;
    // L2 answers, but no heartbeat proves anything any more.
    let mut connection = server.connection().await;
    let _: () = connection.set("shop:@log", "no log").await.unwrap();
    let _: () = connection.del(cache.scope(async { long_entry(1).key() }).await.unwrap()).await.unwrap();
    sleep(BOUND * 2).await;
    let mut second = Box::pin(call());
    assert!(futures_util::poll!(second.as_mut()).is_pending());
    gate.notify_one();
    assert_eq!(first.await.unwrap(), 1);
    assert_eq!(second.await, 2);
}
