//! A primary of a cluster dies with what only it has acknowledged.

use std::time::{Duration, Instant};

use redis::AsyncCommands;
use tiercache_tests::RedisCluster;
use tiercache_tests::eventually;
use tiercache_tests::faults::{measured, table::CLUSTER_LOST};

use super::failover::a_plain_primary;
use super::{ALONE, find_entry, key_of, patient, shares};

const PATIENCE: Duration = Duration::from_secs(20);

/// The log is elsewhere, and has lost nothing: it does not tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removals_that_a_dead_primary_has_not_passed_on_are_redone() {
    let _alone = ALONE.lock().await;
    let mut cluster = RedisCluster::start_calm().await;
    let (one, two) = (patient(&cluster.url()).await, patient(&cluster.url()).await);
    let (killed, there, _) = a_plain_primary(&cluster, &one).await;
    let lost = there[0];
    assert!(shares(&one, &two, lost).await);
    let key = key_of(&one, lost).await;
    let mut old = cluster.nodes()[killed].connection().await;
    redis::cmd("WAIT").arg(1).arg(0).exec_async(&mut old).await.unwrap();
    // Its replica cannot follow it any more.
    redis::cmd("ACL").arg("SETUSER").arg("default").arg("-psync").arg("-sync").exec_async(&mut old).await.unwrap();
    redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("replica").exec_async(&mut old).await.unwrap();
    one.scope(async { find_entry(lost).invalidate().await }).await.expect("acknowledged, by what is about to die");
    let replica = cluster.nodes()[killed + 3].connection().await;
    redis::cmd("READONLY").exec_async(&mut replica.clone()).await.unwrap();
    assert!(replica.clone().exists::<_, bool>(&key).await.unwrap(), "its replica does not hear of it");
    drop(one);
    cluster.fail_over_soon().await;
    cluster.node(killed).kill().await;
    cluster.is_taken_over(&key, killed, (killed + 1) % 3).await;
    let begun = Instant::now();
    let gone = async || {
        let read = two.scope(async { find_entry(lost).peek().await }).await;
        read.is_none() && !replica.clone().exists::<_, bool>(&key).await.unwrap()
    };
    eventually(gone, PATIENCE).await;
    measured(CLUSTER_LOST, format!("redone after {} ms", begun.elapsed().as_millis()));
}
