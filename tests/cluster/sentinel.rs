//! Sentinel: a primary gives its place to a replica, in order, by dying, and without noticing.

use std::time::{Duration, Instant};

use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use tiercache_tests::faults::table::{SENTINEL_KILLED, SENTINEL_PLANNED, SENTINEL_SILENT, SPLIT_BRAIN};
use tiercache_tests::{Calls, SentinelGroup, eventually};

use super::under_load::UnderLoad;
use super::{ALONE, find, find_entry, follow, key_of, patient, scenario, shares, waiting};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_primary_is_found_and_a_planned_failover_is_followed() {
    let _alone = ALONE.lock().await;
    let group = SentinelGroup::start_calm().await;
    scenario::plays(&patient(&group.url()).await, &patient(&group.url()).await).await;
    for server in group.servers() {
        allow(&mut server.connection().await).await;
    }
    let url = group.url().replace("redis+sentinel://", "redis+sentinel://tiercache-sentinel:secret@");
    let under = UnderLoad::start(&url).await;
    group.fail_over().await;
    group.is_taken_over(0).await;
    let took = under.share_again(|n| 1_000_000 + n).await;
    under.holds(SENTINEL_PLANNED, took, "").await;
}

/// The user of the guide.
async fn allow(server: &mut MultiplexedConnection) {
    super::permissions::add(server, "tiercache-sentinel").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_primary_is_replaced() {
    let _alone = ALONE.lock().await;
    let mut group = SentinelGroup::start_calm().await;
    let under = UnderLoad::start(&group.url()).await;
    group.fail_over_soon().await;
    group.server(0).kill().await;
    group.is_taken_over(0).await;
    let took = under.share_again(|n| 1_000_000 + n).await;
    under.holds(SENTINEL_KILLED, took, "").await;
}

/// It comes back, and takes itself for the primary until it hears otherwise: nobody must go back to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_was_frozen_is_left_and_stays_left_when_it_goes_on() {
    let _alone = ALONE.lock().await;
    let group = SentinelGroup::start_calm().await;
    let under = UnderLoad::start(&group.url()).await;
    // Slow to give up, so that nothing but the place can keep what it stores from being there.
    let cautious = waiting(&group.url(), Duration::from_secs(5)).await;
    group.fail_over_soon().await;
    group.servers()[0].pause();
    let primary = group.is_taken_over(0).await;
    let took = under.share_again(|n| 1_000_000 + n).await;
    let runs = Calls::new();
    let new = group.servers()[primary].connection().await;
    let stores_there = async |id| {
        assert_eq!(cautious.scope(find(id, &runs)).await, Ok(id));
        new.clone().exists::<_, bool>(key_of(&cautious, id).await).await.unwrap()
    };
    let (mut next, begun) = (2_000_000, Instant::now());
    while !stores_there(next).await {
        next += 1;
        assert!(begun.elapsed() < PATIENCE, "the new primary is not used");
    }
    group.servers()[0].resume();
    for id in 3_000_000..3_000_100 {
        assert!(stores_there(id).await, "{id} was stored elsewhere than with the primary");
    }
    under.holds(SENTINEL_SILENT, took, "; not gone back to").await;
}

/// Two primaries, both answering: the old one does not hear of the sentinels' choice. What it alone has acknowledged is lost with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deposed_primary_that_still_answers_is_left_and_what_it_alone_knew_is_redone() {
    const LOST: u64 = 7;
    let _alone = ALONE.lock().await;
    let group = SentinelGroup::start_calm().await;
    let under = UnderLoad::start(&group.url()).await;
    let (one, two) = (patient(&group.url()).await, patient(&group.url()).await);
    assert!(shares(&one, &two, LOST).await);
    let key = key_of(&one, LOST).await;
    let mut old = group.servers()[0].connection().await;
    redis::cmd("WAIT").arg(2).arg(0).exec_async(&mut old).await.unwrap();
    // It cannot be told to follow another: the sentinels get no further than to choose. And nobody can follow it.
    for command in ["replicaof", "slaveof", "psync", "sync"] {
        redis::cmd("ACL").arg("SETUSER").arg("default").arg(format!("-{command}")).exec_async(&mut old).await.unwrap();
    }
    redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("replica").exec_async(&mut old).await.unwrap();
    one.scope(async { find_entry(LOST).invalidate().await }).await.expect("acknowledged, by the old primary");
    for replica in &group.servers()[1..] {
        assert!(replica.connection().await.exists::<_, bool>(&key).await.unwrap(), "no replica hears of it");
    }
    group.fail_over().await;
    let primary = group.is_taken_over(0).await;
    let role: Vec<redis::Value> = redis::cmd("ROLE").query_async(&mut old).await.unwrap();
    assert_eq!(role[0], redis::Value::BulkString(b"master".to_vec()), "it still believes so");
    let (begun, new) = (Instant::now(), group.servers()[primary].connection().await);
    is_left(&under, &new).await;
    let took = begun.elapsed();
    let gone = async || {
        let read = two.scope(async { find_entry(LOST).peek().await }).await;
        read.is_none() && !new.clone().exists::<_, bool>(&key).await.unwrap()
    };
    eventually(gone, PATIENCE).await;
    let redone = begun.elapsed().as_millis();
    under.holds(SPLIT_BRAIN, took, &format!("; redone after {redone} ms")).await;
}

/// Waits until an instance stores with the new primary.
async fn is_left(under: &UnderLoad, new: &MultiplexedConnection) {
    let (begun, runs) = (Instant::now(), Calls::new());
    for id in 1_000_000.. {
        under.one.scope(find(id, &runs)).await.unwrap();
        if new.clone().exists(key_of(&under.one, id).await).await.unwrap() {
            return;
        }
        assert!(begun.elapsed() < follow(), "it goes on with the deposed primary");
    }
}
