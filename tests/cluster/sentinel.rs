//! Sentinel: a primary gives its place to a replica, in order, by dying, and without noticing.

use redis::aio::MultiplexedConnection;
use tiercache_tests::{Calls, SentinelGroup};

use super::{ALONE, FOLLOW, at, find, find_entry, patient, scenario, share_again};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_primary_is_found_and_a_planned_failover_is_followed() {
    let _alone = ALONE.lock().await;
    let group = SentinelGroup::start().await;
    scenario::plays(&patient(&group.url()).await, &patient(&group.url()).await).await;
    for server in group.servers() {
        allow(&mut server.connection().await).await;
    }
    let url = group.url().replace("redis+sentinel://", "redis+sentinel://tiercache-sentinel:secret@");
    let (one, two) = (at(&url).await, at(&url).await);
    share_again(&one, &two, |n| n).await;
    group.fail_over().await;
    group.is_taken_over(0).await;
    let took = share_again(&one, &two, |n| 1_000_000 + n).await;
    assert!(took < FOLLOW, "{took:?}");
    one.scope(async { find_entry(1_000_000).invalidate().await }).await.unwrap();
}

/// The user of the guide.
async fn allow(server: &mut MultiplexedConnection) {
    super::permissions::add(server, "tiercache-sentinel").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_primary_is_replaced() {
    let _alone = ALONE.lock().await;
    let mut group = SentinelGroup::start().await;
    let (one, two) = (at(&group.url()).await, at(&group.url()).await);
    share_again(&one, &two, |n| n).await;
    group.server(0).kill().await;
    let runs = Calls::new();
    for id in 0..50 {
        assert_eq!(one.scope(find(2_000_000 + id, &runs)).await, Ok(2_000_000 + id));
    }
    group.is_taken_over(0).await;
    let took = share_again(&one, &two, |n| 1_000_000 + n).await;
    assert!(took < FOLLOW, "{took:?}");
}

/// It comes back, and takes itself for the primary until it hears otherwise: nobody must go back to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_was_frozen_is_left_and_stays_left_when_it_goes_on() {
    let _alone = ALONE.lock().await;
    let group = SentinelGroup::start().await;
    let (one, two) = (at(&group.url()).await, at(&group.url()).await);
    share_again(&one, &two, |n| n).await;
    group.servers()[0].pause();
    let runs = Calls::new();
    assert_eq!(one.scope(find(2_000_000, &runs)).await, Ok(2_000_000));
    let primary = group.is_taken_over(0).await;
    let took = share_again(&one, &two, |n| 1_000_000 + n).await;
    assert!(took < FOLLOW, "{took:?}");
    group.servers()[0].resume();
    let mut new = group.servers()[primary].connection().await;
    for id in 3_000_000..3_000_100 {
        assert_eq!(one.scope(find(id, &runs)).await, Ok(id));
        let key = super::key_of(&one, id).await;
        let there: bool = redis::cmd("EXISTS").arg(&key).query_async(&mut new).await.unwrap();
        assert!(there, "{id} was stored elsewhere than with the primary");
    }
}

/// Two primaries, both answering: the old one does not hear of the sentinels' choice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deposed_primary_that_still_answers_is_left() {
    let _alone = ALONE.lock().await;
    let group = SentinelGroup::start().await;
    let (one, two) = (at(&group.url()).await, at(&group.url()).await);
    share_again(&one, &two, |n| n).await;
    let mut old = group.servers()[0].connection().await;
    // It cannot be told to follow another: the sentinels get no further than to choose.
    for command in ["REPLICAOF", "SLAVEOF"] {
        let _: () = redis::cmd("ACL")
            .arg("SETUSER")
            .arg("default")
            .arg(format!("-{command}"))
            .query_async(&mut old)
            .await
            .unwrap();
    }
    group.fail_over().await;
    group.is_taken_over(0).await;
    let mut role = redis::cmd("ROLE");
    let is_primary = |role: &[redis::Value]| role.first() == Some(&redis::Value::BulkString(b"master".to_vec()));
    assert!(
        is_primary(&role.arg(&[] as &[&str]).query_async::<Vec<_>>(&mut old).await.unwrap()),
        "it still believes so"
    );
    let primary = group.is_taken_over(0).await;
    let (begun, runs) = (std::time::Instant::now(), Calls::new());
    let mut new = group.servers()[primary].connection().await;
    for id in 1_000_000.. {
        one.scope(find(id, &runs)).await.unwrap();
        let key = super::key_of(&one, id).await;
        if redis::cmd("EXISTS").arg(&key).query_async(&mut new).await.unwrap() {
            break;
        }
        assert!(begun.elapsed() < FOLLOW, "it goes on with the deposed primary");
    }
}
