//! A slot on its way from one primary to another.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tiercache::{CallExt, Source};
use tiercache_tests::{Calls, RedisCluster, eventually};

use super::{ALONE, find, find_entry, key_of, patient};

const SOON: Duration = Duration::from_secs(10);

async fn cluster(node: &MultiplexedConnection, arguments: &str) {
    let mut command = redis::cmd("CLUSTER");
    for argument in arguments.split(' ') {
        command.arg(argument);
    }
    let done: redis::RedisResult<()> = command.query_async(&mut node.clone()).await;
    done.unwrap_or_else(|error| panic!("CLUSTER {arguments}: {error}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_is_read_written_and_invalidated_all_the_way() {
    let _alone = ALONE.lock().await;
    let servers = RedisCluster::start_calm().await;
    let (one, two, runs) = (patient(&servers.url()).await, patient(&servers.url()).await, Calls::new());
    assert_eq!(one.scope(find(1, &runs)).await, Ok(1));
    let key = key_of(&one, 1).await;
    let from = servers.primary_of(&key, 0).await;
    let to = (from + 1) % 3;
    let (source, target) = (servers.nodes()[from].connection().await, servers.nodes()[to].connection().await);
    let slot: u16 = redis::cmd("CLUSTER").arg("KEYSLOT").arg(&key).query_async(&mut source.clone()).await.unwrap();
    cluster(&target, &format!("SETSLOT {slot} IMPORTING {}", servers.id(from).await)).await;
    cluster(&source, &format!("SETSLOT {slot} MIGRATING {}", servers.id(to).await)).await;

    // Still where it was; then gone from there, so that every request is sent on (ASK).
    let (_, outcome) = two.scope(find(1, &runs).with_outcome()).await;
    assert_eq!(outcome.unwrap().source(), Source::L2);
    let gone = || async { two.scope(async { find_entry(1).peek().await.is_none() }).await };
    one.scope(async { find_entry(1).invalidate().await }).await.unwrap();
    // Else the news may come while it reads, and it loads itself.
    eventually(gone, SOON).await;
    assert_eq!(one.scope(find(1, &runs)).await, Ok(1));
    let held: usize =
        redis::cmd("CLUSTER").arg("COUNTKEYSINSLOT").arg(slot).query_async(&mut target.clone()).await.unwrap();
    assert_eq!(held, 1, "what is new is stored where the slot goes to");
    two.clear_l1();
    let (_, outcome) = two.scope(find(1, &runs).with_outcome()).await;
    assert_eq!(outcome.unwrap().source(), Source::L2);

    // Arrived: MOVED.
    let new = servers.id(to).await;
    for node in [&target, &source] {
        cluster(node, &format!("SETSLOT {slot} NODE {new}")).await;
    }
    two.clear_l1();
    let (_, outcome) = two.scope(find(1, &runs).with_outcome()).await;
    assert_eq!(outcome.unwrap().source(), Source::L2);
    one.scope(async { find_entry(1).invalidate().await }).await.unwrap();
    eventually(gone, SOON).await;
    assert_eq!(runs.get(), 2);
    for cache in [&one, &two] {
        assert!(cache.stats().l2_errors.values().all(|count| *count == 0), "{:?}", cache.stats().l2_errors);
    }
}
