//! Hot keys over a restart.

use std::time::Duration;

use redis::AsyncCommands;
use tiercache::{Cache, CallExt, Redis, Source, cached};
use tiercache_tests::{Calls, RedisServer, eventually};

use super::{User, instance};

const WITHIN: Duration = Duration::from_secs(10);
/// So many hits in a row that one of them is counted.
const MANY: usize = 128;

#[cached(prefix = "user", ttl = 300, skip(runs))]
async fn find(id: u64, runs: &Calls) -> Option<User> {
    runs.hit();
    Some(User::new(id))
}

#[cached(prefix = "order", ttl = 300)]
async fn order(id: u64) -> String {
    format!("order {id}")
}

#[cached(prefix = "tagged", ttl = 300, tags("user:{id}"))]
async fn tagged(id: u64) -> u64 {
    id
}

/// An instance that keeps hot keys.
async fn keeping(server: &RedisServer) -> Cache {
    let redis = Redis::new(server.url()).unwrap().connect_timeout(Duration::from_secs(10));
    let builder = Cache::builder().namespace("shop").l2(redis).l2_deadline(Duration::from_secs(10));
    builder.keep_hot_keys(100).build().await.unwrap()
}

/// Calls `find` so that these ids are hot and `cold` is not, and closes.
async fn run(cache: &Cache, hot: impl IntoIterator<Item = u64>, cold: u64) {
    let runs = Calls::new();
    cache
        .scope(async {
            find(cold, &runs).await;
            for id in hot {
                for _ in 0..=MANY {
                    find(id, &runs).await;
                }
            }
        })
        .await;
    cache.close().await.unwrap();
}

async fn source_of(cache: &Cache, id: u64, runs: &Calls) -> Source {
    cache.scope(find(id, runs).with_outcome()).await.1.unwrap().source()
}

async fn in_memory(cache: &Cache, entries: u64) {
    eventually(|| async { cache.stats().total.l1_entries == entries }, WITHIN).await;
}

async fn is_kept(server: &RedisServer) -> bool {
    server.connection().await.exists("shop:@hot").await.unwrap()
}

#[tokio::test]
async fn after_a_restart_the_hot_keys_are_in_memory_and_the_cold_ones_are_not() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    run(&keeping(&server).await, 1..=5, 9).await;
    assert!(server.connection().await.ttl::<_, i64>("shop:@hot").await.unwrap() > 0, "it ends some time");
    let next = keeping(&server).await;
    assert_eq!(source_of(&next, 100, &runs).await, Source::Loader);
    in_memory(&next, 6).await;
    for id in 1..=5 {
        assert_eq!(source_of(&next, id, &runs).await, Source::L1, "{id}");
    }
    assert_eq!(source_of(&next, 9, &runs).await, Source::L2);
    assert_eq!(runs.get(), 1, "the first call's");
}

#[tokio::test]
async fn the_keys_of_a_function_are_read_when_it_is_called() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    run(&keeping(&server).await, 1..=3, 9).await;
    let next = keeping(&server).await;
    next.scope(order(1)).await;
    source_of(&next, 100, &runs).await;
    in_memory(&next, 5).await;
    let order = &next.stats().prefixes["order"];
    assert_eq!(
        (order.l1_entries, order.l2_reads.count),
        (1, 1),
        "the call's own, and none for keys of another function"
    );
}

#[tokio::test]
async fn without_being_asked_for_nothing_is_kept() {
    let server = RedisServer::start().await;
    run(&instance(&server).await, 1..=3, 9).await;
    assert!(!is_kept(&server).await);
    run(&keeping(&server).await, 1..=3, 9).await;
    assert!(is_kept(&server).await, "asked for, it is");
}

#[tokio::test]
async fn an_invalidated_hot_key_stays_out() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let first = keeping(&server).await;
    run(&first, 1..=3, 9).await;
    let writer = instance(&server).await;
    writer.scope(async { find_entry(2).invalidate().await }).await.unwrap();
    let next = keeping(&server).await;
    source_of(&next, 100, &runs).await;
    in_memory(&next, 3).await;
    assert_eq!(source_of(&next, 2, &runs).await, Source::Loader);
}

#[tokio::test]
async fn hot_keys_of_an_invalidated_prefix_stay_out() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    run(&keeping(&server).await, 1..=3, 9).await;
    instance(&server).await.invalidate_prefix("user").await.unwrap();
    let next = keeping(&server).await;
    source_of(&next, 100, &runs).await;
    eventually(|| async { next.stats().rejected.get("stamp") == Some(&3) }, WITHIN).await;
    assert_eq!(next.stats().total.l1_entries, 1, "that of the first call");
}

#[tokio::test]
async fn what_carries_tags_is_not_counted() {
    let server = RedisServer::start().await;
    let cache = keeping(&server).await;
    cache
        .scope(async {
            for _ in 0..=MANY {
                tagged(1).await;
            }
        })
        .await;
    cache.close().await.unwrap();
    assert!(!is_kept(&server).await);
}

#[tokio::test]
async fn instances_add_to_one_list() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let (one, two) = (keeping(&server).await, keeping(&server).await);
    run(&one, 1..=2, 9).await;
    run(&two, 3..=4, 9).await;
    let next = keeping(&server).await;
    source_of(&next, 100, &runs).await;
    in_memory(&next, 5).await;
    for id in 1..=4 {
        assert_eq!(source_of(&next, id, &runs).await, Source::L1, "{id}");
    }
}

#[tokio::test]
async fn a_list_that_is_none_is_written_over() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let _: () = server.connection().await.set("shop:@hot", "something else").await.unwrap();
    let first = keeping(&server).await;
    run(&first, 1..=2, 9).await;
    let next = keeping(&server).await;
    source_of(&next, 100, &runs).await;
    in_memory(&next, 3).await;
}
