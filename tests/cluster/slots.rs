//! Keys, stamps and the log of one namespace, in different slots of a cluster.

use tiercache::Redis;
use tiercache_tests::RedisCluster;

use super::{ALONE, patient, scenario};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_keeps_every_promise_over_all_its_slots() {
    let _alone = ALONE.lock().await;
    let cluster = RedisCluster::start_calm().await;
    let (one, two) = (patient(&cluster.url()).await, patient(&cluster.url()).await);
    scenario::plays(&one, &two).await;
    // One node is enough to find the others.
    let seed = format!("redis+cluster://127.0.0.1:{}", cluster.nodes()[5].port());
    let (three, four) = (patient(&seed).await, patient(&seed).await);
    scenario::plays(&three, &four).await;
}

#[test]
fn a_cluster_is_described_without_its_password() {
    let redis = Redis::new("redis+cluster://me:s3cret@a:7000,b:7001").unwrap();
    let shown = format!("{redis:?}");
    assert!(shown.contains("cluster a:7000,b:7001") && !shown.contains("s3cret"), "{shown}");
    let redis = Redis::new("redis+sentinel://me:s3cret@a:1,b:2/shop").unwrap().sentinel_login("", "s3cret");
    let shown = format!("{redis:?}");
    assert!(shown.contains("shop by sentinel a:1,b:2") && !shown.contains("s3cret"), "{shown}");
}
