//! `rediss+cluster://` and `rediss+sentinel://`: every server asks for a certificate, and shows one.

use tiercache::{Cache, L2Health, Redis};
use tiercache_tests::{Authority, Calls, RedisCluster, SentinelGroup, eventually};

use super::failover::a_plain_primary;
use super::{ALONE, PATIENCE, find, follow, key_of, over, scenario, share_again};

/// An instance that trusts the authority, and is trusted.
async fn known(url: &str, authority: &Authority) -> Cache {
    let (certificate, key) = authority.client.clone();
    let trusting = Redis::new(url).unwrap().root_certificate(authority.pem.clone()).unwrap();
    over(trusting.client_certificate(certificate, key).unwrap(), PATIENCE).await
}

/// One that has no certificate to show gets nothing from servers, and its callers are answered.
async fn a_stranger_is_turned_away(url: &str, authority: &Authority) {
    let trusting = Redis::new(url).unwrap().root_certificate(authority.pem.clone()).unwrap();
    let (stranger, runs) = (over(trusting, PATIENCE).await, Calls::new());
    assert_eq!(stranger.scope(find(5_000_000, &runs)).await, Ok(5_000_000));
    assert!(!matches!(stranger.health().await.l2, L2Health::Up { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_reached_by_tls_at_every_node_and_a_failover_followed() {
    let _alone = ALONE.lock().await;
    let authority = Authority::new();
    let cluster = RedisCluster::start_tls(&authority).await;
    let url = cluster.url();
    assert!(url.starts_with("rediss+cluster://"), "{url}");
    let (one, two) = (known(&url, &authority).await, known(&url, &authority).await);
    scenario::plays(&one, &two).await;
    a_stranger_is_turned_away(&url, &authority).await;
    let (deposed, there, _) = a_plain_primary(&cluster, &one).await;
    let replica = cluster.nodes()[deposed + 3].connection().await;
    redis::cmd("CLUSTER").arg("FAILOVER").exec_async(&mut replica.clone()).await.unwrap();
    cluster.is_taken_over(&key_of(&one, there[0]).await, deposed, deposed).await;
    let took = share_again(&one, &two, |n| there[100 + n as usize]).await;
    assert!(took < follow(), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_and_the_primary_are_reached_by_tls_and_a_failover_followed() {
    let _alone = ALONE.lock().await;
    let authority = Authority::new();
    let group = SentinelGroup::start_tls(&authority).await;
    let url = group.url();
    assert!(url.starts_with("rediss+sentinel://"), "{url}");
    let (one, two) = (known(&url, &authority).await, known(&url, &authority).await);
    scenario::plays(&one, &two).await;
    a_stranger_is_turned_away(&url, &authority).await;
    group.fail_over().await;
    group.is_taken_over(0).await;
    let took = share_again(&one, &two, |n| 1_000_000 + n).await;
    assert!(took < follow(), "{took:?}");
    let up = async || matches!(one.health().await.l2, L2Health::Up { .. });
    eventually(up, PATIENCE).await;
}
