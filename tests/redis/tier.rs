//! The tier as a whole.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::StreamExt;
use redis::AsyncCommands;
use tiercache::{CallExt, Key, L2Health, Policy, Source, cached};
use tiercache_tests::{Calls, RedisServer};

use super::{User, at, instance};

#[cached(prefix = "user", ttl = 300, skip(runs))]
async fn find(id: u64, runs: &Calls) -> Option<User> {
    runs.hit();
    Some(User::new(id))
}

#[tokio::test]
async fn a_value_is_stored_with_its_life_and_found_by_another_instance() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let (one, two) = (instance(&server).await, instance(&server).await);
    one.scope(find(1, &runs)).await;
    let key = one.scope(async { find_entry(1).key() }).await.unwrap();
    let life: i64 = server.connection().await.pttl(&key).await.unwrap();
    assert!((290_000..=300_000).contains(&life), "{life}");
    let (user, outcome) = two.scope(find(1, &runs).with_outcome()).await;
    assert_eq!((user, outcome.unwrap().source()), (Some(User::new(1)), Source::L2));
    assert_eq!(runs.get(), 1);
}

#[tokio::test]
async fn an_invalidation_removes_the_key() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let cache = instance(&server).await;
    cache.scope(find(1, &runs)).await;
    let key = cache.scope(async { find_entry(1).key() }).await.unwrap();
    cache.scope(async { find_entry(1).invalidate().await }).await.unwrap();
    assert!(!server.connection().await.exists::<_, bool>(&key).await.unwrap());
}

#[tokio::test]
async fn a_deletion_by_hand_is_honoured() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let cache = instance(&server).await;
    cache.scope(find(1, &runs)).await;
    let key = cache.scope(async { find_entry(1).key() }).await.unwrap();
    let _: () = server.connection().await.del(&key).await.unwrap();
    cache.clear_l1();
    cache.scope(find(1, &runs)).await;
    assert_eq!(runs.get(), 2);
}

#[tokio::test]
async fn a_flushed_server_is_a_cold_one() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let (one, two) = (instance(&server).await, instance(&server).await);
    one.scope(find(1, &runs)).await;
    server.flush().await;
    two.scope(find(1, &runs)).await;
    assert_eq!(runs.get(), 2);
    one.clear_l1();
    one.scope(find(1, &runs)).await;
    assert_eq!(runs.get(), 2, "stored anew under new stamps");
}

#[tokio::test]
async fn a_connection_that_breaks_between_two_calls_costs_no_hit() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let (cache, mut connection) = (instance(&server).await, server.connection().await);
    cache.scope(find(1, &runs)).await;
    for _ in 0..20 {
        cache.clear_l1();
        let _: i64 = redis::cmd("CLIENT").arg(&["KILL", "TYPE", "normal"]).query_async(&mut connection).await.unwrap();
        let (_, outcome) = cache.scope(find(1, &runs).with_outcome()).await;
        assert_eq!(outcome.unwrap().source(), Source::L2);
    }
}

#[tokio::test]
async fn namespaces_keep_apart() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    at(&server.url(), "shop").await.scope(find(1, &runs)).await;
    at(&server.url(), "blog").await.scope(find(1, &runs)).await;
    assert_eq!(runs.get(), 2);
}

#[tokio::test]
async fn an_invalidated_prefix_is_gone_for_every_instance_that_reads_l2() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let (one, two) = (instance(&server).await, instance(&server).await);
    one.scope(async {
        for id in 0..200 {
            find(id, &runs).await;
        }
    })
    .await;
    one.invalidate_prefix("user").await.unwrap();
    two.scope(find(1, &runs)).await;
    assert_eq!(runs.get(), 201);
    assert_eq!(two.stats().rejected["stamp"], 1);
}

#[tokio::test]
async fn thousands_of_keys_are_listed_each_at_least_once() {
    let server = RedisServer::start().await;
    let cache = instance(&server).await;
    let keys: Vec<Key> = (0..3_000).map(|id| Key::new("listed", &id).unwrap()).collect();
    let policy = Policy::new();
    let stores = keys.iter().map(|key| cache.set(key, &1_u64, &policy));
    futures_util::future::try_join_all(stores).await.unwrap();
    let listed: HashSet<String> = cache.keys("listed").map(Result::unwrap).collect().await;
    assert_eq!(listed.len(), 3_000);
    assert_eq!(cache.keys("other").count().await, 0);
    cache.invalidate_many(&keys).await.unwrap();
    assert_eq!(cache.keys("listed").count().await, 0);
}

#[tokio::test]
async fn health_says_where_l2_is_and_how_it_does() {
    let mut server = RedisServer::start().await;
    let cache = instance(&server).await;
    let health = cache.health().await;
    assert!(health.is_good(), "{health:?}");
    assert!(matches!(&health.l2, L2Health::Up { store, .. } if store.contains(&server.port().to_string())));
    server.stop().await;
    assert!(matches!(cache.health().await.l2, L2Health::Down { .. }));
}

#[tokio::test]
async fn a_wrong_password_is_misconfiguration_and_never_shown() {
    let server = RedisServer::start_with(&["--requirepass", "right"]).await;
    let runs = Calls::new();
    let url = server.url().replace("redis://", "redis://:wr0ng-passw0rd@");
    let cache = at(&url, "shop").await;
    assert_eq!(cache.scope(find(1, &runs)).await, Some(User::new(1)));
    let health = cache.health().await;
    assert!(matches!(&health.l2, L2Health::Misconfigured { .. }), "{health:?}");
    assert!(!format!("{health:?} {cache:?}").contains("wr0ng-passw0rd"));
}

#[tokio::test]
async fn an_acl_user_and_a_database_are_part_of_the_url() {
    let server = RedisServer::start().await;
    let mut connection = server.connection().await;
    let _: () = redis::cmd("ACL")
        .arg(&["SETUSER", "cache", "on", ">secret", "~shop:*", "&shop:*", "-@all"])
        .arg(&["+@read", "+@write", "+@connection", "-@dangerous", "+eval", "+evalsha", "+script|load", "+@pubsub"])
        .query_async(&mut connection)
        .await
        .unwrap();
    let url = server.url().replace("redis://", "redis://cache:secret@") + "/2";
    let (one, two, runs) = (at(&url, "shop").await, at(&url, "shop").await, Calls::new());
    one.scope(find(1, &runs)).await;
    two.scope(find(1, &runs)).await;
    two.invalidate_prefix("user").await.unwrap();
    assert_eq!((runs.get(), two.stats().total.l2_hits), (1, 1));
    assert!(one.stats().l2_errors.is_empty(), "{:?}", one.stats().l2_errors);
    let _: () = redis::cmd("SELECT").arg(2).query_async(&mut connection).await.unwrap();
    assert!(connection.exists::<_, bool>("shop:@groups").await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_of_the_user_does_not_disturb_l2() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let (one, two) = (instance(&server).await, instance(&server).await);
    one.scope(find(1, &runs)).await;
    let (_, outcome) = two.scope(find(1, &runs).with_outcome()).await;
    assert_eq!(outcome.unwrap().source(), Source::L2);
    tokio::time::advance(Duration::from_secs(61)).await;
    let (_, outcome) = two.scope(find(1, &runs).with_outcome()).await;
    assert_eq!(outcome.unwrap().source(), Source::L2, "the copy in memory has lapsed, the value has not");
}

#[test]
fn a_cache_outlives_the_runtimes_it_is_used_in() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (server, cache, runs) = runtime().block_on(async {
        let server = RedisServer::start().await;
        let cache = instance(&server).await;
        let runs = Calls::new();
        cache.scope(find(1, &runs)).await;
        (server, cache, runs)
    });
    cache.clear_l1();
    let (_, outcome) = runtime().block_on(cache.scope(find(1, &runs).with_outcome()));
    assert_eq!(outcome.unwrap().source(), Source::L2);
    drop(server);
}

#[tokio::test]
async fn a_life_without_end_is_one_that_redis_takes() {
    let server = RedisServer::start().await;
    let (one, two) = (instance(&server).await, instance(&server).await);
    let key = Key::new("forever", &1).unwrap();
    one.set(&key, &5_u64, &Policy::new().ttl(Duration::MAX)).await.unwrap();
    assert_eq!(two.get::<u64>(&key).await, Some(5));
}
