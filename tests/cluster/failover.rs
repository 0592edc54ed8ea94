//! A primary of a cluster gives its place to its replica, in order and by dying.

use futures_util::future::join_all;
use tiercache::Cache;
use tiercache_tests::faults::table::{CLUSTER_KILLED, CLUSTER_PLANNED, CLUSTER_SILENT};
use tiercache_tests::{Calls, RedisCluster};

use super::under_load::UnderLoad;
use super::{ALONE, find, key_of, patient, shares};

/// Enough that nobody runs out of ids while a failover is followed.
const MANY: u64 = 9_000;

/// A primary that has neither the stamps nor the log of the namespace; and ids of keys in its slots.
pub(super) async fn a_plain_primary(cluster: &RedisCluster, cache: &Cache) -> (usize, Vec<u64>, Vec<u64>) {
    let stamps = cluster.primary_of("shop:@groups", 0).await;
    let log = cluster.primary_of("shop:@log", 0).await;
    let plain = (0..3).find(|number| *number != stamps && *number != log).expect("two of three are taken");
    let mut slots = redis::pipe();
    for id in 0..MANY {
        slots.cmd("CLUSTER").arg("KEYSLOT").arg(key_of(cache, id).await);
    }
    let slots: Vec<usize> = slots.query_async(&mut cluster.nodes()[0].connection().await).await.unwrap();
    let (there, elsewhere) =
        (0..MANY).zip(slots).partition::<Vec<_>, _>(|(_, slot)| cluster.slots_of(plain).contains(slot));
    let ids = |pairs: Vec<(u64, usize)>| pairs.into_iter().map(|(id, _)| id).collect();
    (plain, ids(there), ids(elsewhere))
}

/// Calls for the slots of a primary that is gone are answered, and those for the others are shared: by instances that do not give up
/// because the machine is busy.
pub(super) async fn only_its_slots_notice(under: &UnderLoad, patient: &[Cache; 2], lost: &[u64], kept: &[u64]) {
    let runs = Calls::new();
    join_all(lost.iter().map(async |&id| assert_eq!(under.one.scope(find(id, &runs)).await, Ok(id)))).await;
    for &id in kept {
        assert!(shares(&patient[0], &patient[1], id).await, "{id} is in a slot of another primary");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_failover_is_followed_without_an_error_of_a_caller() {
    let _alone = ALONE.lock().await;
    let cluster = RedisCluster::start_calm().await;
    let under = UnderLoad::start(&cluster.url()).await;
    let (deposed, there, _) = a_plain_primary(&cluster, &under.one).await;
    let replica = cluster.nodes()[deposed + 3].connection().await;
    let _: () = redis::cmd("CLUSTER").arg("FAILOVER").query_async(&mut replica.clone()).await.unwrap();
    let key = key_of(&under.one, there[0]).await;
    cluster.is_taken_over(&key, deposed, deposed).await;
    let took = under.share_again(|n| there[20 + n as usize]).await;
    assert_eq!(cluster.primary_of(&key, 5).await, deposed + 3);
    under.holds(CLUSTER_PLANNED, took, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_primary_is_replaced_and_the_slots_of_the_others_do_not_notice() {
    let _alone = ALONE.lock().await;
    let mut cluster = RedisCluster::start_calm().await;
    let others = [patient(&cluster.url()).await, patient(&cluster.url()).await];
    let (killed, there, elsewhere) = a_plain_primary(&cluster, &others[0]).await;
    let under = UnderLoad::start(&cluster.url()).await;
    cluster.fail_over_soon().await;
    cluster.node(killed).kill().await;
    // Nobody has taken over yet.
    only_its_slots_notice(&under, &others, &there[20..50], &elsewhere[20..50]).await;
    let key = key_of(&under.one, there[0]).await;
    cluster.is_taken_over(&key, killed, (killed + 1) % 3).await;
    let took = under.share_again(|n| there[50 + n as usize]).await;
    under.holds(CLUSTER_KILLED, took, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_fell_silent_is_left_and_the_slots_of_the_others_do_not_notice() {
    let _alone = ALONE.lock().await;
    let cluster = RedisCluster::start_calm().await;
    let others = [patient(&cluster.url()).await, patient(&cluster.url()).await];
    let (frozen, there, elsewhere) = a_plain_primary(&cluster, &others[0]).await;
    let under = UnderLoad::start(&cluster.url()).await;
    cluster.fail_over_soon().await;
    cluster.nodes()[frozen].pause();
    only_its_slots_notice(&under, &others, &there[20..21], &elsewhere[20..50]).await;
    let key = key_of(&under.one, there[0]).await;
    cluster.is_taken_over(&key, frozen, (frozen + 1) % 3).await;
    let took = under.share_again(|n| there[21 + n as usize]).await;
    cluster.nodes()[frozen].resume();
    under.holds(CLUSTER_SILENT, took, "").await;
}
