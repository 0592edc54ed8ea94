//! A primary of a cluster is started again at its own address from an old dump, before anybody has taken its place.

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use tiercache_tests::faults::{limit, measured, table::CLUSTER_RESTARTED};
use tiercache_tests::{Calls, RedisCluster, eventually};

use super::failover::a_plain_primary;
use super::{ALONE, find, find_entry, key_of, patient, shares};

const PATIENCE: Duration = Duration::from_secs(20);
/// From the moment that it serves again.
const REDONE: Duration = Duration::from_secs(2);

/// Also while the node refuses its slots.
async fn has(node: &MultiplexedConnection, key: &str) -> bool {
    let keys: Vec<String> = redis::cmd("KEYS").arg(key).query_async(&mut node.clone()).await.unwrap();
    !keys.is_empty()
}

/// Whether clients may ask the nodes for their names.
async fn tell_names(cluster: &RedisCluster, allowed: bool) {
    let rule = if allowed { "+info" } else { "-info" };
    for node in cluster.nodes() {
        let mut node = node.connection().await;
        redis::cmd("ACL").arg("SETUSER").arg("default").arg(rule).exec_async(&mut node).await.unwrap();
    }
}

/// What was removed there is removed again by an instance that asks nothing of it, once it serves; how long that took.
async fn redone_by_a_bystander(cluster: &mut RedisCluster, names: bool) -> Duration {
    tell_names(cluster, names).await;
    let (one, two) = (patient(&cluster.url()).await, patient(&cluster.url()).await);
    let (restarted, there, _) = a_plain_primary(cluster, &one).await;
    let lost = there[0];
    assert!(shares(&one, &two, lost).await);
    let key = key_of(&one, lost).await;
    let node = cluster.nodes()[restarted].connection().await;
    redis::cmd("SAVE").exec_async(&mut node.clone()).await.unwrap();
    one.scope(async { find_entry(lost).invalidate().await }).await.expect("acknowledged, by what is about to end");
    assert!(!has(&node, &key).await);
    drop(one);

    cluster.node(restarted).kill().await;
    cluster.node(restarted).restart().await;
    tell_names(cluster, names).await;
    let node = cluster.nodes()[restarted].connection().await;
    assert!(has(&node, &key).await, "it has it back, and refuses its slots for two seconds");
    cluster.is_complete().await;
    let begun = Instant::now();
    eventually(|| async { !has(&node, &key).await }, PATIENCE).await;
    let took = begun.elapsed();
    assert_eq!(cluster.primary_of(&key, (restarted + 1) % 3).await, restarted, "nobody has taken its place");
    let runs = Calls::new();
    assert_eq!(two.scope(find(lost, &runs)).await, Ok(lost));
    assert_eq!(runs.get(), 1, "it is loaded anew");
    took
}

/// The log is elsewhere, and nobody was replaced: neither tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removals_that_a_restarted_primary_has_forgotten_are_redone() {
    let _alone = ALONE.lock().await;
    let mut cluster = RedisCluster::start_calm().await;
    let named = redone_by_a_bystander(&mut cluster, true).await;
    let unnamed = redone_by_a_bystander(&mut cluster, false).await;
    let took = named.max(unnamed);
    measured(CLUSTER_RESTARTED, format!("redone after {} ms", took.as_millis()));
    assert!(took < limit(REDONE), "{took:?}");
}
