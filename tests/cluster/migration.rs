//! A slot on its way from one primary to another.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tiercache::{CallExt, Source};
use tiercache_tests::faults::table::SLOTS_MOVED;
use tiercache_tests::{Calls, RedisCluster, eventually};

use super::under_load::UnderLoad;
use super::{ALONE, find, find_entry, key_of, patient, shares};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_move_with_their_keys_cost_no_call_an_error() {
    let _alone = ALONE.lock().await;
    let servers = RedisCluster::start_calm().await;
    let under = UnderLoad::start(&servers.url()).await;
    let (one, two) = (patient(&servers.url()).await, patient(&servers.url()).await);
    // What is most in use: a hot key, the stamps of the namespace, its log.
    let moving = [under.hot_key(0).await, "shop:@groups".to_owned(), "shop:@log".to_owned()];
    let (mut moved, mut id) = (0, 2_000_000);
    for key in &moving {
        let from = servers.primary_of(key, 0).await;
        moved += move_slot(&servers, key, from, async || {
            id += 1;
            assert!(shares(&one, &two, id).await, "L2 is used all the way");
        })
        .await;
    }
    let took = under.share_again(|n| 1_000_000 + n).await;
    let errors: u64 = [&one, &two].iter().flat_map(|cache| cache.stats().l2_errors.into_values()).sum();
    assert_eq!(errors, 0, "{:?} {:?}", one.stats().l2_errors, two.stats().l2_errors);
    under.holds(SLOTS_MOVED, took, &format!("; {moved} keys moved with their slots")).await;
}

/// Moves the slot of `key` to the next primary, key by key; `meanwhile` is called at each step. Says how many keys there were.
async fn move_slot(servers: &RedisCluster, key: &str, from: usize, mut meanwhile: impl AsyncFnMut()) -> usize {
    let to = (from + 1) % 3;
    let (source, target) = (servers.nodes()[from].connection().await, servers.nodes()[to].connection().await);
    let slot: u16 = redis::cmd("CLUSTER").arg("KEYSLOT").arg(key).query_async(&mut source.clone()).await.unwrap();
    cluster(&target, &format!("SETSLOT {slot} IMPORTING {}", servers.id(from).await)).await;
    cluster(&source, &format!("SETSLOT {slot} MIGRATING {}", servers.id(to).await)).await;
    meanwhile().await;
    let (port, mut moved) = (servers.nodes()[to].port(), 0);
    loop {
        let mut held = redis::cmd("CLUSTER");
        held.arg("GETKEYSINSLOT").arg(slot).arg(1);
        let keys: Vec<String> = held.query_async(&mut source.clone()).await.unwrap();
        let Some(key) = keys.first() else { break };
        let mut migrate = redis::cmd("MIGRATE");
        migrate.arg("127.0.0.1").arg(port).arg(key).arg(0).arg(10_000);
        // `NOKEY`: it was invalidated since.
        let answer: String = migrate.query_async(&mut source.clone()).await.unwrap();
        moved += usize::from(answer == "OK");
    }
    meanwhile().await;
    for node in [&target, &source] {
        cluster(node, &format!("SETSLOT {slot} NODE {}", servers.id(to).await)).await;
    }
    meanwhile().await;
    moved
}

/// Nodes are asked for the slots side by side, and the first answer is taken: the others have not fallen silent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_answer_second_keep_their_connections() {
    let _alone = ALONE.lock().await;
    let servers = RedisCluster::start_calm().await;
    let (cache, runs) = (patient(&servers.url()).await, Calls::new());
    assert_eq!(cache.scope(find(1, &runs)).await, Ok(1));
    let key = key_of(&cache, 1).await;
    let callers = async || {
        let mut callers = Vec::new();
        for replica in &servers.nodes()[3..] {
            callers.extend(callers_of(&mut replica.connection().await).await);
        }
        callers
    };
    let before = callers().await;
    for _ in 0..6 {
        let from = servers.primary_of(&key, 0).await;
        move_slot(&servers, &key, from, async || {}).await;
        // Sent on, it asks for the slots.
        cache.clear_l1();
        assert_eq!(cache.scope(find(1, &runs)).await, Ok(1));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let after = callers().await;
    assert!(before.iter().all(|caller| after.contains(caller)), "{before:?} {after:?}");
}

/// The ids of the connections that asked for slots last.
async fn callers_of(node: &mut MultiplexedConnection) -> Vec<String> {
    let list: String = redis::cmd("CLIENT").arg("LIST").query_async(node).await.unwrap();
    let callers = list.lines().filter(|line| line.contains("cmd=cluster|slots"));
    callers.map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}
