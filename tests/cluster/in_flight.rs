//! A shard loses what it has acknowledged while the rest of the same write is still under way.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tiercache::{Cache, Key, Policy, Redis};
use tiercache_tests::{RedisCluster, eventually};

use super::ALONE;

const PATIENCE: Duration = Duration::from_secs(20);

/// The number of the primary that has both the stamps and the log of a namespace, and that namespace.
async fn namespace(cluster: &RedisCluster) -> (String, usize) {
    for number in 0.. {
        let namespace = format!("shop{number}");
        let home = cluster.primary_of(&format!("{namespace}:@log"), 0).await;
        if cluster.primary_of(&format!("{namespace}:@groups"), 0).await == home {
            return (namespace, home);
        }
    }
    unreachable!("one of three namespaces is like that")
}

/// An instance that is more patient than this test.
async fn instance(cluster: &RedisCluster, namespace: &str) -> Cache {
    let redis = Redis::new(cluster.url()).unwrap().connect_timeout(Duration::from_secs(10));
    Cache::builder().namespace(namespace).l2(redis).l2_deadline(3 * PATIENCE).build().await.unwrap()
}

async fn order(node: &MultiplexedConnection, command: &str) {
    let mut words = command.split(' ');
    let mut request = redis::cmd(words.next().unwrap_or_default());
    request.arg(words.collect::<Vec<_>>());
    request.exec_async(&mut node.clone()).await.unwrap_or_else(|error| panic!("{command}: {error}"));
}

async fn stored(node: &MultiplexedConnection, key: &str) -> Option<Vec<u8>> {
    redis::cmd("GET").arg(key).query_async(&mut node.clone()).await.unwrap()
}

/// Stores 1 under a new key of this primary: the key, and what Redis calls it.
async fn store_on(node: &MultiplexedConnection, cache: &Cache) -> (Key, String) {
    let all = format!("{}:many:*", cache.namespace());
    let named = async || -> Vec<String> { redis::cmd("KEYS").arg(&all).query_async(&mut node.clone()).await.unwrap() };
    let before = named().await;
    loop {
        let key = Key::new("many", &fastrand::u64(..)).unwrap();
        cache.set(&key, &1_u64, &Policy::new()).await.unwrap();
        if let Some(name) = named().await.into_iter().find(|name| !before.contains(name)) {
            return (key, name);
        }
    }
}

/// How often the log was read.
async fn beats(node: &MultiplexedConnection) -> u64 {
    let text: String = redis::cmd("INFO").arg("commandstats").query_async(&mut node.clone()).await.unwrap();
    let calls = text.lines().find_map(|line| line.strip_prefix("cmdstat_xrange:calls="));
    calls.map_or(0, |calls| calls.split(',').next().unwrap().parse().unwrap())
}

/// The journal does not know of it yet when the shard is found to have another primary.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_write_replaces_does_not_come_back_by_a_shard_that_is_replaced_before_the_write_is_told() {
    let _alone = ALONE.lock().await;
    let mut cluster = RedisCluster::start().await;
    let (namespace, home) = namespace(&cluster).await;
    let before = instance(&cluster, &namespace).await;
    let (dies, waits) = ((home + 1) % 3, (home + 2) % 3);
    let dying = cluster.nodes()[dies].connection().await;
    let waiting = cluster.nodes()[waits].connection().await;
    let log = cluster.nodes()[home].connection().await;
    let ((lost, name), (late, _)) = (store_on(&dying, &before).await, store_on(&waiting, &before).await);
    let (other, other_name) = store_on(&dying, &before).await;
    drop(before);
    // It has seen none of that, and so redoes none of it.
    let cache = instance(&cluster, &namespace).await;
    let old = stored(&dying, &name).await;
    for command in ["WAIT 1 0", "ACL SETUSER default -psync -sync", "CLIENT KILL TYPE replica"] {
        order(&dying, command).await;
    }

    // One part is acknowledged by a primary that dies with it, the other one waits.
    order(&waiting, "CLIENT PAUSE 60000 WRITE").await;
    let writer = cache.clone();
    let write =
        tokio::spawn(async move { writer.set_many([&lost, &late].map(|key| (key, &2_u64)), &Policy::new()).await });
    eventually(|| async { stored(&dying, &name).await != old }, PATIENCE).await;
    cluster.node(dies).kill().await;
    cluster.is_taken_over(&name, dies, home).await;
    let successor = cluster.nodes()[dies + 3].connection().await;
    assert_eq!(stored(&successor, &name).await, old, "it had not heard of it");

    // The cache finds its way, and its heart beats on.
    let before = stored(&successor, &other_name).await;
    let follows = || async {
        let _ = cache.set(&other, &2_u64, &Policy::new()).await;
        stored(&successor, &other_name).await != before
    };
    eventually(follows, PATIENCE).await;
    let before = beats(&log).await;
    eventually(|| async { beats(&log).await > before + 4 }, PATIENCE).await;
    assert!(!write.is_finished(), "the others are not told yet");
    order(&waiting, "CLIENT UNPAUSE").await;
    write.await.unwrap().unwrap();
    assert_ne!(stored(&successor, &name).await, old);
}
