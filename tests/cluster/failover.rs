//! A primary of a cluster gives its place to its replica, in order and by dying.

use tiercache::{Cache, Source};
use tiercache_tests::{Calls, RedisCluster};

use super::{ALONE, FOLLOW, at, find, key_of, share_again, shares};
use tiercache::CallExt;

/// Enough that nobody runs out of ids while a failover is followed.
const MANY: u64 = 9_000;

/// A primary that has neither the stamps nor the log of the namespace; and ids of keys in its slots.
async fn a_plain_primary(cluster: &RedisCluster, cache: &Cache) -> (usize, Vec<u64>, Vec<u64>) {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_failover_is_followed_without_an_error_of_a_caller() {
    let _alone = ALONE.lock().await;
    let cluster = RedisCluster::start().await;
    let (one, two) = (at(&cluster.url()).await, at(&cluster.url()).await);
    let (deposed, there, _) = a_plain_primary(&cluster, &one).await;
    share_again(&one, &two, |n| there[n as usize]).await;
    let replica = cluster.nodes()[deposed + 3].connection().await;
    let _: () = redis::cmd("CLUSTER").arg("FAILOVER").query_async(&mut replica.clone()).await.unwrap();
    let key = key_of(&one, there[0]).await;
    cluster.is_taken_over(&key, deposed, deposed).await;
    let took = share_again(&one, &two, |n| there[20 + n as usize]).await;
    assert!(took < FOLLOW, "{took:?}");
    assert_eq!(cluster.primary_of(&key, 5).await, deposed + 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_primary_is_replaced_and_the_slots_of_the_others_do_not_notice() {
    let _alone = ALONE.lock().await;
    let mut cluster = RedisCluster::start().await;
    let (one, two) = (at(&cluster.url()).await, at(&cluster.url()).await);
    let (killed, there, elsewhere) = a_plain_primary(&cluster, &one).await;
    share_again(&one, &two, |n| elsewhere[n as usize]).await;
    share_again(&one, &two, |n| there[n as usize]).await;
    cluster.node(killed).kill().await;
    // Nobody has taken over yet: calls for its slots are answered, those for the others are shared.
    let runs = Calls::new();
    let mut shared = 0;
    for (&lost, &kept) in there[20..50].iter().zip(&elsewhere[20..50]) {
        assert_eq!(one.scope(find(lost, &runs)).await, Ok(lost));
        shared += usize::from(shares(&one, &two, kept).await);
    }
    assert!(shared >= 28, "{shared} of 30");
    let key = key_of(&one, there[0]).await;
    cluster.is_taken_over(&key, killed, (killed + 1) % 3).await;
    let took = share_again(&one, &two, |n| there[50 + n as usize]).await;
    assert!(took < FOLLOW, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_fell_silent_is_left_and_the_slots_of_the_others_do_not_notice() {
    let _alone = ALONE.lock().await;
    let cluster = RedisCluster::start().await;
    let (one, two) = (at(&cluster.url()).await, at(&cluster.url()).await);
    let (frozen, there, elsewhere) = a_plain_primary(&cluster, &one).await;
    share_again(&one, &two, |n| there[n as usize]).await;
    cluster.nodes()[frozen].pause();
    let runs = Calls::new();
    let (lost, kept) = futures_util::join!(one.scope(find(there[20], &runs)), one.scope(find(elsewhere[20], &runs)));
    assert_eq!((lost, kept), (Ok(there[20]), Ok(elsewhere[20])));
    let (_, outcome) = two.scope(find(elsewhere[20], &runs).with_outcome()).await;
    assert_eq!(outcome.unwrap().source(), Source::L2);
    let key = key_of(&one, there[0]).await;
    cluster.is_taken_over(&key, frozen, (frozen + 1) % 3).await;
    let took = share_again(&one, &two, |n| there[21 + n as usize]).await;
    assert!(took < FOLLOW, "{took:?}");
    cluster.nodes()[frozen].resume();
}
