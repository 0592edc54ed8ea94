//! Queued invalidations on a real Redis.

use std::time::Duration;

use tiercache::{Key, Policy};
use tiercache_tests::{RedisServer, eventually};

use super::instance;

#[tokio::test]
async fn many_reach_the_other_instances_by_few_messages() {
    let server = RedisServer::start().await;
    let (one, two) = (instance(&server).await, instance(&server).await);
    let keys: Vec<Key> = (0..2_000).map(|id| Key::new("queued", &id).unwrap()).collect();
    one.set_many(keys.iter().map(|key| (key, &1_u64)), &Policy::new()).await.unwrap();
    two.get_many::<u64>(&keys).await;
    let length = async || -> u64 {
        let mut connection = server.connection().await;
        redis::cmd("XLEN").arg("shop:@log").query_async(&mut connection).await.unwrap()
    };
    let before = length().await;
    for key in keys.iter().chain(&keys) {
        one.queue_invalidation(key);
    }
    one.flush_invalidations().await.unwrap();
    assert!(length().await - before < 100, "{before} became {}", length().await);
    let hears = || async { two.get_many::<u64>(&keys).await.iter().all(Option::is_none) };
    eventually(hears, Duration::from_secs(10)).await;
}

#[tokio::test]
async fn what_could_not_be_told_is_told_when_redis_is_back() {
    let mut server = RedisServer::start().await;
    let cache = instance(&server).await;
    let key = Key::new("queued", &1).unwrap();
    cache.set(&key, &1_u64, &Policy::new()).await.unwrap();
    server.stop().await;
    cache.queue_invalidation(&key);
    assert!(cache.flush_invalidations().await.is_err());
    assert_eq!(cache.get::<u64>(&key).await, None);
    server.restart().await;
    eventually(|| async { cache.flush_invalidations().await.is_ok() }, Duration::from_secs(10)).await;
}
