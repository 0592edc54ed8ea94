//! Reclaiming: what it frees, and what it never touches.

use std::collections::HashSet;
use std::ops::Range;
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::AsyncCommands as _;
use tiercache::{Cache, Chaos, Key, L2, Operation, Policy, Recording, Redis, cached};
use tiercache_tests::{RedisCluster, RedisServer, eventually};

use super::at;

/// What a busy machine may take.
const SOON: Duration = Duration::from_secs(20);
const MANY: u64 = 1_000;

#[cached(prefix = "tagged", ttl = 1_000, tags("old", "number:{n}"))]
async fn tagged(n: u64) -> u64 {
    n
}

#[cached(prefix = "bare", ttl = 1_000)]
async fn bare(n: u64) -> u64 {
    n
}

#[cached(prefix = "search:all", ttl = 1_000)]
async fn found(n: u64) -> u64 {
    n
}

/// What begins a lease, and its nonce.
const LEASE: [u8; 11] = [0x74, 0xc7, 0, 1, 2, 3, 4, 5, 6, 7, 8];

/// An instance that reclaims as fast as it can.
async fn reclaiming(l2: impl Into<L2>) -> Cache {
    let builder = Cache::builder().namespace("shop").l2(l2).l2_deadline(SOON);
    builder.reclaim(1_000_000).build().await.unwrap()
}

async fn warm(cache: &Cache, numbers: Range<u64>) {
    cache.warm(numbers.clone().map(tagged)).await;
    cache.warm(numbers.clone().map(bare)).await;
    cache.warm(numbers.map(found)).await;
}

/// How many keys of a prefix are in L2.
async fn count(cache: &Cache, prefix: &str) -> usize {
    let keys: HashSet<String> = cache.keys(prefix).map(Result::unwrap).collect().await;
    keys.len()
}

async fn what_is_dead_is_freed_and_nothing_else(url: &str) {
    let (cache, other) = (at(url, "shop").await, at(url, "other").await);
    warm(&cache, 0..MANY).await;
    warm(&other, 0..10).await;
    other.invalidate_tags(["old"]).await.unwrap();
    let key = Key::new("direct", &1).unwrap();
    cache.set(&key, &1_u64, &Policy::new().tags(["new"])).await.unwrap();
    cache.invalidate_tags(["old", "older"]).await.unwrap();
    cache.invalidate_pattern("search:*").await.unwrap();
    let again = 10_u64;
    cache.warm((0..again).map(tagged)).await;
    let reclaiming = reclaiming(Redis::new(url).unwrap()).await;
    eventually(async || reclaiming.stats().l2.reclaimed == 2 * MANY - again, SOON).await;
    let left = (count(&cache, "tagged").await, count(&cache, "bare").await, count(&cache, "search").await);
    assert_eq!(left, (10, 1_000, 0));
    assert_eq!((count(&other, "*").await, reclaiming.get::<u64>(&key).await), (30, Some(1)));
    cache.clear_l1();
    for n in 0..again {
        assert_eq!(cache.scope(async { tagged_entry(n).peek().await }).await, Some(n));
    }
    reclaiming.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_one_server_what_is_dead_is_freed_and_nothing_else() {
    what_is_dead_is_freed_and_nothing_else(&RedisServer::start().await.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_cluster_what_is_dead_is_freed_and_nothing_else() {
    let cluster = RedisCluster::start_calm().await;
    what_is_dead_is_freed_and_nothing_else(&cluster.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_come_into_the_place_of_a_dead_entry_meanwhile_stays() {
    let server = RedisServer::start().await;
    let (cache, mut connection) = (at(&server.url(), "shop").await, server.connection().await);
    cache.warm((0..50).map(tagged)).await;
    cache.invalidate_tags(["old"]).await.unwrap();
    let chaos = Chaos::over(Redis::new(server.url()).unwrap());
    chaos.only([Operation::Release]);
    chaos.hold();
    let recording = Recording::over(chaos.clone());
    let reclaiming = reclaiming(recording.clone()).await;
    eventually(async || recording.count(Operation::Release) == 50, SOON).await;
    // All that is left to do is to remove what was found dead.
    let keys: Vec<String> = cache.scope(async { (0..4).map(|n| tagged_entry(n).key().unwrap()).collect() }).await;
    cache.scope(async { tagged_entry(0).set(7).await }).await.unwrap();
    assert_eq!(cache.scope(tagged(1)).await, 1, "loaded anew");
    let () = connection.set_ex(&keys[2], &LEASE, 100).await.unwrap();
    let () = connection.del(&keys[3]).await.unwrap();
    chaos.heal();
    eventually(async || reclaiming.stats().l2.reclaimed == 46, SOON).await;
    assert_eq!((count(&cache, "tagged").await, count(&reclaiming, "*").await), (3, 3));
    assert_eq!(connection.get::<_, Vec<u8>>(&keys[2]).await.unwrap(), LEASE);
    cache.clear_l1();
    for (n, value) in [(0, 7), (1, 1)] {
        assert_eq!(cache.scope(async { tagged_entry(n).peek().await }).await, Some(value));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_instance_at_a_time_reclaims_and_none_that_was_not_asked_to() {
    let server = RedisServer::start().await;
    let (bystander, mut connection) = (at(&server.url(), "shop").await, server.connection().await);
    bystander.warm((0..50).map(tagged)).await;
    let turn = || connection.clone();
    let taken: bool = turn().exists("shop:@reclaim").await.unwrap();
    assert!(!taken);
    let recording = Recording::over(Redis::new(server.url()).unwrap());
    let _first = reclaiming(Redis::new(server.url()).unwrap()).await;
    eventually(async || turn().exists("shop:@reclaim").await.unwrap(), SOON).await;
    let second = reclaiming(recording.clone()).await;
    eventually(async || recording.count(Operation::Claim) == 1, SOON).await;
    assert_eq!((recording.count(Operation::Scan), second.stats().l2.reclaimed), (0, 0));
    let life: i64 = connection.pttl("shop:@reclaim").await.unwrap();
    assert!((1..=61_000).contains(&life), "{life}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_out_of_memory_is_given_room() {
    let server = RedisServer::start().await;
    let (cache, mut connection) = (at(&server.url(), "shop").await, server.connection().await);
    cache.warm((0..50).map(tagged)).await;
    cache.warm((0..10).map(bare)).await;
    cache.invalidate_tags(["old"]).await.unwrap();
    for (setting, value) in [("maxmemory-policy", "noeviction"), ("maxmemory", "1")] {
        let () = redis::cmd("CONFIG").arg("SET").arg(setting).arg(value).query_async(&mut connection).await.unwrap();
    }
    let reclaiming = reclaiming(Redis::new(server.url()).unwrap()).await;
    eventually(async || reclaiming.stats().l2.reclaimed == 50, SOON).await;
    assert_eq!((count(&cache, "tagged").await, count(&cache, "bare").await), (0, 10));
}
