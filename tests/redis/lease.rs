//! One load in the whole fleet, and nothing stored that was read before an invalidation.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use tiercache::{Cache, CallExt, Source, cached};
use tiercache_tests::{Calls, Proxy, RedisServer, eventually, spawn};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::{User, at, instance};

#[cached(prefix = "slow", skip(runs))]
async fn slow(id: u64, runs: Calls) -> User {
    runs.hit();
    sleep(Duration::from_millis(100)).await;
    User::new(id)
}

async fn fleet(server: &RedisServer, size: usize) -> Vec<Cache> {
    join_all((0..size).map(|_| instance(server))).await
}

/// The L2 key of a call of `slow`.
async fn key(cache: &Cache, id: u64) -> String {
    cache.scope(async { slow_entry(id).key() }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_key_is_loaded_once_in_the_whole_fleet() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let fleet = fleet(&server, 8).await;
    let calls = fleet.iter().flat_map(|cache| (0..100).map(|_| spawn(cache, slow(1, runs.clone()))));
    for user in join_all(calls).await {
        assert_eq!(user.unwrap(), User::new(1));
    }
    assert_eq!(runs.get(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_the_whole_fleet_rejects_is_loaded_once() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let fleet = fleet(&server, 8).await;
    let key = key(&fleet[0], 1).await;
    let _: () = server.connection().await.set(&key, "not ours, and longer than a lease").await.unwrap();
    join_all(fleet.iter().map(|cache| spawn(cache, slow(1, runs.clone())))).await;
    assert_eq!(runs.get(), 1);
}

#[cached(prefix = "raced", skip(gate, runs))]
async fn raced(id: u64, gate: Arc<Notify>, runs: Calls) -> u64 {
    let notified = gate.notified();
    runs.hit();
    notified.await;
    id
}

/// Loads 400 keys slowly, removes them by `remove` while the loads run, and counts what is stored afterwards.
async fn stale_after(remove: impl AsyncFn(&Cache, &mut MultiplexedConnection, Vec<String>)) -> usize {
    let (server, gate) = (RedisServer::start().await, Arc::new(Notify::new()));
    let (loader, writer, runs) = (instance(&server).await, instance(&server).await, Calls::new());
    let mut connection = server.connection().await;
    let loads: Vec<_> = (0..400).map(|id| spawn(&loader, raced(id, Arc::clone(&gate), runs.clone()))).collect();
    eventually(|| async { runs.get() == 400 }, Duration::from_secs(20)).await;
    let keys = loader.scope(async { (0..400).map(|id| raced_entry(id).key().unwrap()).collect() }).await;
    remove(&writer, &mut connection, keys).await;
    gate.notify_waiters();
    for (id, load) in loads.into_iter().enumerate() {
        assert_eq!(load.await.unwrap(), id as u64, "the caller gets its answer");
    }
    let mut stale = 0;
    for id in 0..400 {
        stale += usize::from(writer.scope(async { raced_entry(id).peek().await }).await.is_some());
        stale += usize::from(loader.scope(async { raced_entry(id).peek().await }).await.is_some());
    }
    stale
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_fills_raced_by_deletions_of_any_program_stay_out() {
    let stale = stale_after(async |_: &Cache, connection: &mut MultiplexedConnection, keys: Vec<String>| {
        let _: () = connection.del(keys).await.unwrap();
    })
    .await;
    assert_eq!(stale, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_fills_raced_by_a_flush_stay_out() {
    let stale = stale_after(async |_: &Cache, connection: &mut MultiplexedConnection, _: Vec<String>| {
        let _: () = redis::cmd("FLUSHALL").query_async(connection).await.unwrap();
    })
    .await;
    assert_eq!(stale, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_fills_raced_by_an_invalidated_prefix_are_not_accepted() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let (loader, writer) = (instance(&server).await, instance(&server).await);
    let load = spawn(&loader, slow(1, runs.clone()));
    eventually(|| async { runs.get() == 1 }, Duration::from_secs(5)).await;
    writer.invalidate_prefix("slow").await.unwrap();
    load.await.unwrap();
    assert_eq!(writer.scope(async { slow_entry(1).peek().await }).await, None);
}

#[tokio::test]
async fn a_holder_that_died_holds_others_up_for_the_life_of_its_lease() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let cache = instance(&server).await;
    let marker = [&[0x74, 0xc7, 0][..], &7_u64.to_le_bytes()].concat();
    let _: () = server.connection().await.pset_ex(key(&cache, 1).await, marker, 1_000).await.unwrap();
    let started = Instant::now();
    assert_eq!(cache.scope(slow(1, runs.clone())).await, User::new(1));
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(900), "{took:?}");
    cache.clear_l1();
    let (_, outcome) = cache.scope(slow(1, runs.clone()).with_outcome()).await;
    assert_eq!(outcome.unwrap().source(), Source::L2, "it has taken over the lease as soon as it lapsed");
}

#[tokio::test]
async fn who_waits_for_one_that_died_takes_over_also_if_it_hears_late_that_the_lease_was_there() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let proxy = Proxy::start(server.port()).await;
    let cache = at(&proxy.url(), "shop").await;
    proxy.latency(Duration::from_millis(200));
    let marker = [&[0x74, 0xc7, 0][..], &7_u64.to_le_bytes()].concat();
    let _: () = server.connection().await.pset_ex(key(&cache, 1).await, marker, 3_000).await.unwrap();
    cache.scope(slow(1, runs.clone())).await;
    cache.clear_l1();
    let (_, outcome) = cache.scope(slow(1, runs.clone()).with_outcome()).await;
    assert_eq!(outcome.unwrap().source(), Source::L2, "one that does not wait for the lease stores nothing");
}

#[tokio::test]
async fn a_holder_that_never_ends_holds_others_up_for_the_life_of_a_lease_and_they_store_nothing() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let cache = instance(&server).await;
    let (mut connection, key) = (server.connection().await, key(&cache, 1).await);
    let marker = [&[0x74, 0xc7, 0][..], &7_u64.to_le_bytes()].concat();
    let _: () = connection.set(&key, &marker).await.unwrap();
    let call = cache.scope(slow(1, runs.clone()));
    assert_eq!(timeout(Duration::from_secs(30), call).await.expect("nobody waits for ever"), User::new(1));
    assert_eq!(connection.get::<_, Vec<u8>>(&key).await.unwrap(), marker);
}

#[tokio::test]
async fn a_load_that_fails_or_is_dropped_gives_its_lease_back() {
    #[cached(prefix = "fails", skip(gate))]
    async fn fails(id: u64, gate: &Notify) -> Result<u64, String> {
        gate.notified().await;
        Err(format!("no {id}"))
    }
    let server = RedisServer::start().await;
    let (cache, gate, mut connection) = (instance(&server).await, Notify::new(), server.connection().await);
    for (id, ends) in [(1, true), (2, false)] {
        let key = cache.scope(async { fails_entry(id).key() }).await.unwrap();
        let mut load = Box::pin(cache.scope(fails(id, &gate)));
        while !connection.exists::<_, bool>(&key).await.unwrap() {
            assert!(futures_util::poll!(load.as_mut()).is_pending());
        }
        if ends {
            gate.notify_one();
            assert!(load.await.is_err());
        } else {
            drop(load);
        }
        let gone = || {
            let (mut connection, key) = (connection.clone(), key.clone());
            async move { !connection.exists::<_, bool>(&key).await.unwrap() }
        };
        // Before it would lapse.
        eventually(gone, Duration::from_secs(2)).await;
    }
}

#[tokio::test]
async fn a_load_longer_than_a_lease_keeps_it() {
    #[cached(prefix = "long")]
    async fn long(id: u64) -> u64 {
        sleep(Duration::from_millis(4_500)).await;
        id
    }
    let server = RedisServer::start().await;
    let (one, two) = (instance(&server).await, instance(&server).await);
    let _ = one.scope(long(1)).await;
    let (_, outcome) = two.scope(long(1).with_outcome()).await;
    assert_eq!(outcome.unwrap().source(), Source::L2);
}

#[tokio::test]
async fn a_refresh_does_not_bring_back_what_was_invalidated_meanwhile() {
    #[cached(prefix = "refresh", skip(gate))]
    async fn gated(id: u64, gate: &Notify) -> u64 {
        gate.notified().await;
        id
    }
    let server = RedisServer::start().await;
    let (one, two, gate) = (instance(&server).await, instance(&server).await, Notify::new());
    gate.notify_one();
    one.scope(gated(1, &gate)).await;
    let mut refresh = Box::pin(one.scope(gated(1, &gate).refreshed()));
    // Until it has read what is there and waits for the gate.
    for _ in 0..50 {
        assert!(futures_util::poll!(refresh.as_mut()).is_pending());
        sleep(Duration::from_millis(2)).await;
    }
    two.scope(async { gated_entry(1).invalidate().await }).await.unwrap();
    gate.notify_one();
    assert_eq!(refresh.await, 1);
    assert_eq!(two.scope(async { gated_entry(1).peek().await }).await, None);
    assert_eq!(one.scope(async { gated_entry(1).peek().await }).await, None);
}

#[tokio::test]
async fn a_server_that_forgot_its_scripts_is_sent_them_again() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let cache = instance(&server).await;
    cache.scope(slow(1, runs.clone())).await;
    let mut connection = server.connection().await;
    let _: () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut connection).await.unwrap();
    cache.scope(slow(2, runs.clone())).await;
    cache.clear_l1();
    let (_, outcome) = cache.scope(slow(2, runs.clone()).with_outcome()).await;
    assert_eq!(outcome.unwrap().source(), Source::L2);
}
