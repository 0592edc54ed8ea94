//! Slots that nobody has: a primary and its replica die together.

use tiercache_tests::RedisCluster;
use tiercache_tests::faults::table::CLUSTER_DOWN;

use super::failover::{a_plain_primary, only_its_slots_notice};
use super::under_load::UnderLoad;
use super::{ALONE, patient, share_again};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_refuses_all_slots_costs_no_call_an_error_and_a_shard_that_is_gone_concerns_its_own() {
    let _alone = ALONE.lock().await;
    let mut cluster = RedisCluster::start_calm().await;
    let others = [patient(&cluster.url()).await, patient(&cluster.url()).await];
    let (killed, there, elsewhere) = a_plain_primary(&cluster, &others[0]).await;
    let under = UnderLoad::start(&cluster.url()).await;
    cluster.fail_over_soon().await;
    // What Redis does unless it is told otherwise: every slot is refused.
    cluster.demand_all_slots(true).await;
    for node in [killed + 3, killed] {
        cluster.node(node).kill().await;
    }
    cluster.is_incomplete().await;
    under.is_refused().await;
    cluster.demand_all_slots(false).await;
    share_again(&others[0], &others[1], |n| elsewhere[50 + n as usize]).await;
    only_its_slots_notice(&under, &others, &there[20..50], &elsewhere[20..50]).await;
    cluster.node(killed).restart().await;
    cluster.is_complete().await;
    let took = under.share_again(|n| there[50 + n as usize]).await;
    under.holds(CLUSTER_DOWN, took, "").await;
}
