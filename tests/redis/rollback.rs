//! A Redis that loses what it has acknowledged: the invalidations are made anew.

use std::time::Duration;

use redis::AsyncCommands;
use tiercache::{BusHealth, Cache, Key, Policy, Redis, cached};
use tiercache_tests::{Calls, RedisServer, eventually};

/// For a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);

#[cached(prefix = "user", l1_ttl = 60, skip(runs))]
async fn find(id: u64, runs: &Calls) -> usize {
    runs.hit()
}

/// An instance whose heart beats fast.
async fn instance(server: &RedisServer) -> Cache {
    beating(server, Duration::from_millis(200)).await
}

/// An instance whose heart beats four times in this time.
async fn beating(server: &RedisServer, max_staleness: Duration) -> Cache {
    let redis = Redis::new(server.url()).unwrap().connect_timeout(Duration::from_secs(10));
    let builder = Cache::builder().namespace("shop").l2(redis).l2_deadline(Duration::from_secs(10));
    builder.max_staleness(max_staleness).build().await.unwrap()
}

async fn key(cache: &Cache, id: u64) -> String {
    cache.scope(async { find_entry(id).key() }).await.unwrap()
}

async fn save(server: &RedisServer) {
    redis::cmd("SAVE").exec_async(&mut server.connection().await).await.unwrap();
}

/// How often the log was read.
async fn beats(server: &RedisServer) -> u64 {
    let mut connection = server.connection().await;
    let text: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
    let calls = text.lines().find_map(|line| line.strip_prefix("cmdstat_xrange:calls="));
    calls.map_or(0, |calls| calls.split(',').next().unwrap().parse().unwrap())
}

/// Waits until the log was read so often again.
async fn more_beats(server: &RedisServer, more: u64) {
    let before = beats(server).await;
    eventually(|| async { beats(server).await >= before + more }, PATIENCE).await;
}

/// The stamp of the namespace.
async fn stamp(server: &RedisServer) -> Option<u64> {
    server.connection().await.hget("shop:@groups", "n").await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_come_back_with_an_old_dump_are_removed_again() {
    let mut server = RedisServer::start().await;
    let (one, two, runs) = (instance(&server).await, instance(&server).await, Calls::new());
    let mut old = Vec::new();
    for id in 0..3 {
        old.push(one.scope(find(id, &runs)).await);
        assert_eq!(two.scope(find(id, &runs)).await, old[id as usize]);
    }
    save(&server).await;
    for id in 0..2 {
        one.scope(async { find_entry(id).invalidate().await }).await.unwrap();
    }
    server.kill().await;
    server.restart().await;
    let (first, second, third) = (key(&one, 0).await, key(&one, 1).await, key(&one, 2).await);
    let gone = || async { server.connection().await.exists::<_, usize>(&[&first, &second]).await.unwrap() == 0 };
    eventually(gone, PATIENCE).await;
    for (id, old) in old.iter().enumerate().take(2) {
        assert_ne!(one.scope(find(id as u64, &runs)).await, *old);
        assert_ne!(two.scope(find(id as u64, &runs)).await, *old);
    }
    assert!(server.connection().await.exists::<_, bool>(third).await.unwrap(), "only what was lost is redone");
    assert_eq!(two.scope(find(2, &runs)).await, old[2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_heartbeat_has_seen_is_redone_by_its_maker() {
    let mut server = RedisServer::start().await;
    let (cache, runs) = (beating(&server, Duration::from_secs(6)).await, Calls::new());
    let heard = || async { matches!(cache.health().await.bus, BusHealth::Heard { .. }) };
    eventually(heard, PATIENCE).await;
    let old = cache.scope(find(1, &runs)).await;
    save(&server).await;
    cache.scope(async { find_entry(1).invalidate().await }).await.unwrap();
    server.kill().await;
    server.restart().await;
    let key = key(&cache, 1).await;
    eventually(|| async { !server.connection().await.exists::<_, bool>(&key).await.unwrap() }, PATIENCE).await;
    assert_ne!(cache.scope(find(1, &runs)).await, old);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_writes_have_replaced_does_not_come_back_with_an_old_dump() {
    let mut server = RedisServer::start().await;
    let cache = beating(&server, Duration::from_secs(6)).await;
    let heard = || async { matches!(cache.health().await.bus, BusHealth::Heard { .. }) };
    eventually(heard, PATIENCE).await;
    let keys = [1, 2].map(|id| Key::new("many", &id).unwrap());
    cache.set_many(keys.iter().map(|key| (key, &1_u64)), &Policy::new()).await.unwrap();
    save(&server).await;
    cache.set_many(keys.iter().map(|key| (key, &2_u64)), &Policy::new()).await.unwrap();
    server.kill().await;
    server.restart().await;
    let stored = || async { server.connection().await.keys::<_, Vec<String>>("shop:many:*").await.unwrap() };
    assert_eq!(stored().await.len(), 2, "the older ones");
    eventually(|| async { stored().await.is_empty() }, PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_seen_an_invalidation_redoes_it_when_its_maker_is_gone() {
    let mut server = RedisServer::start().await;
    let (one, two, runs) = (instance(&server).await, instance(&server).await, Calls::new());
    let old = two.scope(find(1, &runs)).await;
    save(&server).await;
    one.scope(async { find_entry(1).invalidate().await }).await.unwrap();
    let key = key(&one, 1).await;
    drop(one);
    more_beats(&server, 4).await;
    server.kill().await;
    server.restart().await;
    eventually(|| async { !server.connection().await.exists::<_, bool>(&key).await.unwrap() }, PATIENCE).await;
    assert_ne!(two.scope(find(1, &runs)).await, old);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prefix_that_comes_back_with_an_old_dump_is_invalidated_again() {
    let mut server = RedisServer::start().await;
    let (one, two, runs) = (instance(&server).await, instance(&server).await, Calls::new());
    let old = one.scope(find(1, &runs)).await;
    save(&server).await;
    one.invalidate_prefix("user").await.unwrap();
    server.kill().await;
    server.restart().await;
    let field = || async {
        let field: Option<u64> = server.connection().await.hget("shop:@groups", "p:user").await.unwrap();
        field.is_none()
    };
    eventually(field, PATIENCE).await;
    assert_ne!(two.scope(find(1, &runs)).await, old);
    assert_ne!(one.scope(find(1, &runs)).await, old);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_that_is_older_than_the_log_invalidates_everything() {
    let mut server = RedisServer::start().await;
    let runs = Calls::new();
    let before = instance(&server).await;
    let old = before.scope(find(1, &runs)).await;
    drop(before);
    let _: () = server.connection().await.del("shop:@log").await.unwrap();
    save(&server).await;
    let (one, two) = (instance(&server).await, instance(&server).await);
    assert_eq!(two.scope(find(1, &runs)).await, old);
    one.scope(async { find_entry(1).invalidate().await }).await.unwrap();
    server.kill().await;
    server.restart().await;
    eventually(|| async { stamp(&server).await.is_none() }, PATIENCE).await;
    assert_ne!(two.scope(find(1, &runs)).await, old);
    assert_ne!(one.scope(find(1, &runs)).await, old);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_deleted_invalidates_everything_once() {
    let server = RedisServer::start().await;
    let (one, two, runs) = (instance(&server).await, instance(&server).await, Calls::new());
    let old = one.scope(find(1, &runs)).await;
    let _: () = server.connection().await.del("shop:@log").await.unwrap();
    eventually(|| async { stamp(&server).await.is_none() }, PATIENCE).await;
    let new = two.scope(find(1, &runs)).await;
    assert_ne!(new, old);
    // Both instances have looked by then, and one of them has found it done.
    more_beats(&server, 10).await;
    assert_eq!(one.scope(find(1, &runs)).await, two.scope(find(1, &runs)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_gives_back_nothing_old() {
    let server = RedisServer::start().await;
    let (one, two, runs) = (instance(&server).await, instance(&server).await, Calls::new());
    let old = one.scope(find(1, &runs)).await;
    one.scope(async { find_entry(2).invalidate().await }).await.unwrap();
    server.flush().await;
    // An anchor each, and what makes everything invalid.
    let begun_anew = || async {
        let mut connection = server.connection().await;
        redis::cmd("XLEN").arg("shop:@log").query_async::<usize>(&mut connection).await.unwrap() >= 3
    };
    eventually(begun_anew, PATIENCE).await;
    assert_ne!(two.scope(find(1, &runs)).await, old);
    assert_ne!(one.scope(find(1, &runs)).await, old);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_trimmed_costs_nothing_of_l2() {
    let server = RedisServer::start().await;
    let (one, runs) = (instance(&server).await, Calls::new());
    let old = one.scope(find(1, &runs)).await;
    let held = stamp(&server).await;
    // In one step, so that no heartbeat keeps up with it.
    let many = "for i = 1, 20000 do redis.call('XADD', KEYS[1], 'MAXLEN', 20000, '*', 'm', ARGV[1]) end";
    let anchor = [&[1, 0][..], &[7; 8]].concat();
    let mut connection = server.connection().await;
    let _: () =
        redis::cmd("EVAL").arg(many).arg(1).arg("shop:@log").arg(anchor).query_async(&mut connection).await.unwrap();
    // More than it would take to compare all of it.
    more_beats(&server, 40).await;
    assert_eq!(stamp(&server).await, held);
    assert_eq!(one.scope(find(1, &runs)).await, old);
}
