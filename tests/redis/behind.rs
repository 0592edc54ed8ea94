//! Writing behind: what other instances see before and after the queue is emptied.

use std::sync::Arc;
use std::time::Duration;

use redis::AsyncCommands;
use tiercache::{Cache, Chaos, Key, Operation, Policy, Redis, Write, WriteMode, cached, updates};
use tiercache_tests::{Calls, RedisServer, eventually};
use tokio::sync::Notify;

use super::coherence::pair;
use super::instance;

const SOON: Duration = Duration::from_secs(10);
const BEHIND: Policy = Policy::new().write_mode(WriteMode::Behind);
const OLD: u64 = 1;
const NEW: u64 = 2;

#[cached(prefix = "row", l1_ttl = 60, write = "behind", skip(runs))]
async fn row(id: u64, runs: &Calls) -> u64 {
    runs.hit();
    OLD
}

#[updates(row_entry(id))]
async fn save(id: u64, value: u64) -> Result<u64, String> {
    Ok(value)
}

/// An instance whose stores behind stand still until that is healed.
async fn held(server: &RedisServer) -> (Cache, Chaos) {
    let chaos = Chaos::over(Redis::new(server.url()).unwrap().connect_timeout(SOON));
    chaos.only([Operation::FillMany]);
    chaos.hold();
    let builder = Cache::builder().namespace("shop").l2(chaos.clone()).l2_deadline(SOON);
    (builder.build().await.unwrap(), chaos)
}

async fn listeners(server: &RedisServer, number: usize) {
    let connection = server.connection().await;
    let heard = async || {
        let mut connection = connection.clone();
        let listeners: (String, usize) =
            redis::cmd("PUBSUB").arg("NUMSUB").arg("shop:@bus").query_async(&mut connection).await.unwrap();
        listeners.1 == number
    };
    eventually(heard, SOON).await;
}

async fn peek(cache: &Cache) -> Option<u64> {
    cache.scope(async { row_entry(1).peek().await }).await
}

async fn begin(cache: &Cache) -> Write<u64> {
    cache.scope(async { row_entry(1).begin_write().await }).await.unwrap()
}

/// How often the server has read from its clients.
async fn reads(server: &RedisServer) -> u64 {
    let info: String = redis::cmd("INFO").arg("stats").query_async(&mut server.connection().await).await.unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix("total_reads_processed:"));
    line.map_or(0, |reads| reads.trim().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_instance_has_the_value_once_the_queue_is_flushed() {
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    for id in 0..300 {
        assert_eq!(one.scope(row(id, &runs)).await, OLD);
    }
    one.flush_writes().await;
    for id in 0..300 {
        assert_eq!(two.scope(row(id, &runs)).await, OLD);
    }
    assert_eq!((runs.get(), one.stats().l2.writes_given_up), (300, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_written_value_waits_no_instance_has_the_older_one() {
    let server = RedisServer::start().await;
    for way in 0..3 {
        server.flush().await;
        let ((one, chaos), two, runs) = (held(&server).await, instance(&server).await, Calls::new());
        listeners(&server, 2).await;
        assert_eq!(two.scope(row(1, &runs)).await, OLD);
        two.flush_writes().await;
        assert_eq!(two.scope(row(1, &runs)).await, OLD);
        match way {
            0 => one.scope(async { row_entry(1).set(NEW).await }).await.unwrap(),
            1 => begin(&one).await.commit(NEW).await.unwrap(),
            _ => drop(one.scope(save(1, NEW)).await.unwrap()),
        }
        assert_eq!((peek(&one).await, one.stats().l2.queued_writes), (Some(NEW), 1), "{way}");
        // By the bus: nobody waits for what is queued.
        eventually(|| async { peek(&two).await.is_none() }, SOON).await;
        chaos.heal();
        assert_eq!(two.scope(row(1, &runs)).await, NEW, "{way}: it has waited for the value");
        assert_eq!(runs.get(), 1);
        one.close().await.unwrap();
        two.close().await.unwrap();
        drop((one, two));
        listeners(&server, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalidation_wins_over_what_is_queued_every_time() {
    let server = RedisServer::start().await;
    let (one, two, _) = pair(&server).await;
    let keys: Vec<Key> = (0..200).map(|id| Key::new("raced", &id).unwrap()).collect();
    for key in &keys {
        one.set(key, &OLD, &BEHIND).await.unwrap();
        two.invalidate(key).await.unwrap();
    }
    one.flush_writes().await;
    for cache in [&one, &two] {
        cache.clear_l1();
        assert_eq!(cache.get_many::<u64>(&keys).await, [None; 200]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_removed_by_hand_while_it_is_queued_is_stored_nowhere_and_memory_forgets_it() {
    let server = RedisServer::start().await;
    let ((one, chaos), runs) = (held(&server).await, Calls::new());
    one.scope(row(1, &runs)).await;
    let key = one.scope(async { row_entry(1).key() }).await.unwrap();
    let removed: usize = server.connection().await.del(&key).await.unwrap();
    assert_eq!((removed, peek(&one).await), (1, Some(OLD)), "nobody has told this instance");
    chaos.heal();
    one.flush_writes().await;
    assert_eq!((peek(&one).await, one.stats().l2.writes_given_up), (None, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_begun_before_an_invalidation_elsewhere_stays_out() {
    #[cached(at = row_entry(id), skip(gate, runs))]
    async fn gated(id: u64, gate: Arc<Notify>, runs: Calls) -> u64 {
        runs.hit();
        gate.notified().await;
        OLD
    }
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    for _ in 0..20 {
        let gate = Arc::new(Notify::new());
        let (load, before) = {
            let (one, gate, runs, before) = (one.clone(), Arc::clone(&gate), runs.clone(), runs.get());
            (tokio::spawn(async move { one.scope(gated(1, gate, runs)).await }), before)
        };
        eventually(|| async { runs.get() > before }, SOON).await;
        two.scope(async { row_entry(1).invalidate().await }).await.unwrap();
        gate.notify_one();
        assert_eq!(load.await.unwrap(), OLD, "its caller gets what it has read");
        one.flush_writes().await;
        assert_eq!((peek(&two).await, peek(&one).await), (None, None));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_writers_that_overlap_neither_leaves_anything_old() {
    let server = RedisServer::start().await;
    let (one, two, _) = pair(&server).await;
    for flushed_between in [false, true] {
        let (first, second) = (begin(&one).await, begin(&two).await);
        second.commit(NEW).await.unwrap();
        if flushed_between {
            two.flush_writes().await;
        }
        first.commit(OLD).await.unwrap();
        one.flush_writes().await;
        two.flush_writes().await;
        eventually(|| async { peek(&two).await.is_none() }, SOON).await;
        assert_eq!(peek(&one).await, None, "nobody knows which of them was last");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_one_pipeline() {
    let server = RedisServer::start().await;
    let (one, chaos) = held(&server).await;
    let keys: Vec<Key> = (0..1_000).map(|id| Key::new("batch", &id).unwrap()).collect();
    let values = vec![NEW; keys.len()];
    one.set_many(keys.iter().zip(&values), &BEHIND).await.unwrap();
    let before = reads(&server).await;
    chaos.heal();
    one.flush_writes().await;
    let read = reads(&server).await - before;
    assert!(read < 200, "1,000 values took {read} reads");
    assert_eq!(instance(&server).await.get_many::<u64>(&keys).await, vec![Some(NEW); keys.len()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_has_forgotten_its_scripts_stores_all_the_same() {
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    for id in 0..3 {
        redis::cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut server.connection().await).await.unwrap();
        one.scope(row(id, &runs)).await;
        redis::cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut server.connection().await).await.unwrap();
        one.flush_writes().await;
        assert_eq!(two.scope(row(id, &runs)).await, OLD);
    }
    assert_eq!((runs.get(), one.stats().l2.writes_given_up), (3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_with_values_queued_costs_a_load_and_nothing_else() {
    let mut server = RedisServer::start().await;
    let ((one, chaos), runs) = (held(&server).await, Calls::new());
    one.scope(row(1, &runs)).await;
    one.scope(async { row_entry(2).set(NEW).await }).await.unwrap();
    server.kill().await;
    chaos.heal();
    one.flush_writes().await;
    let stats = one.stats().l2;
    assert_eq!((stats.queued_writes, stats.writes_given_up), (0, 2));
    assert_eq!(one.scope(row(1, &runs)).await, OLD);
    server.restart().await;
    let two = instance(&server).await;
    assert_eq!((two.scope(row(1, &runs)).await, runs.get()), (OLD, 2));
    let exists: bool =
        server.connection().await.exists(one.scope(async { row_entry(2).key() }).await.unwrap()).await.unwrap();
    assert!(!exists, "it came back without it");
}
