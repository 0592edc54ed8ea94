//! Writing through: after an update no instance reads an older value, whoever else reads, writes or removes meanwhile.

use std::sync::Arc;
use std::time::Duration;

use redis::AsyncCommands;
use tiercache::{Cache, Redis, Write, cached, updates};
use tiercache_tests::{Calls, RedisServer, eventually};
use tokio::sync::Notify;

use super::coherence::pair;
use super::instance;

/// What a busy machine may take.
const SOON: Duration = Duration::from_secs(10);

const OLD: u64 = 1;
const NEW: u64 = 2;

/// What the database holds, in most tests, before it is written to.
#[cached(prefix = "user", l1_ttl = 60, skip(runs))]
async fn find(id: u64, runs: &Calls) -> u64 {
    runs.hit();
    OLD
}

#[updates(find_entry(id))]
async fn save(id: u64, value: u64) -> Result<u64, String> {
    Ok(value)
}

async fn begin(cache: &Cache) -> Write<u64> {
    cache.scope(async { find_entry(1).begin_write().await }).await.unwrap()
}

async fn key(cache: &Cache) -> String {
    cache.scope(async { find_entry(1).key() }).await.unwrap()
}

async fn exists(server: &RedisServer, key: &str) -> bool {
    server.connection().await.exists(key).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_instance_reads_the_new_value_without_a_run_of_the_body() {
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    assert_eq!(one.scope(find(1, &runs)).await, OLD);
    assert_eq!(two.scope(find(1, &runs)).await, OLD);
    assert_eq!(one.scope(save(1, NEW)).await, Ok(NEW));
    assert_eq!(one.scope(find(1, &runs)).await, NEW);
    eventually(|| async { two.scope(find(1, &runs)).await == NEW }, SOON).await;
    assert_eq!(runs.get(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_others_are_told_by_the_bus_and_not_by_a_heartbeat() {
    let server = RedisServer::start().await;
    let build = || {
        let builder = Cache::builder().namespace("shop").l2(Redis::new(server.url()).unwrap()).l2_deadline(SOON);
        builder.max_staleness(Duration::from_secs(3_600)).build()
    };
    let (one, two, runs) = (build().await.unwrap(), build().await.unwrap(), Calls::new());
    let connection = server.connection().await;
    let listen = async || {
        let mut command = redis::cmd("PUBSUB");
        command.arg("NUMSUB").arg("shop:@bus");
        let listeners: Vec<(String, usize)> = command.query_async(&mut connection.clone()).await.unwrap();
        listeners[0].1 == 2
    };
    eventually(listen, SOON).await;
    for value in 2..50 {
        let old = two.scope(find(1, &runs)).await;
        assert_ne!(old, value);
        match value % 3 {
            0 => one.scope(async { find_entry(1).set(value).await }).await.unwrap(),
            1 => begin(&one).await.commit(value).await.unwrap(),
            _ => drop(one.scope(save(1, value)).await.unwrap()),
        }
        eventually(|| async { two.scope(find(1, &runs)).await == value }, SOON).await;
    }
    assert_eq!(runs.get(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_begun_before_the_update_is_not_stored_after_it() {
    #[cached(at = find_entry(id), skip(gate, runs))]
    async fn gated(id: u64, gate: Arc<Notify>, runs: Calls) -> u64 {
        runs.hit();
        gate.notified().await;
        OLD
    }
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    let gate = Arc::new(Notify::new());
    let load = {
        let (two, gate, runs) = (two.clone(), Arc::clone(&gate), runs.clone());
        tokio::spawn(async move { two.scope(gated(1, gate, runs)).await })
    };
    eventually(|| async { runs.get() == 1 }, SOON).await;
    one.scope(save(1, NEW)).await.unwrap();
    gate.notify_one();
    assert_eq!(load.await.unwrap(), OLD, "its caller gets what it has read");
    for cache in [&one, &two] {
        cache.clear_l1();
        assert_eq!(cache.scope(find(1, &runs)).await, NEW);
    }
    assert_eq!(runs.get(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_was_readers_wait_for_the_writer() {
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    let write = begin(&one).await;
    let read = {
        let (two, runs) = (two.clone(), runs.clone());
        tokio::spawn(async move { two.scope(find(1, &runs)).await })
    };
    eventually(|| async { two.health().await.loads_in_flight == 1 }, SOON).await;
    write.commit(NEW).await.unwrap();
    assert_eq!((read.await.unwrap(), runs.get()), (NEW, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_instances_that_write_the_slower_one_leaves_nothing_older() {
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    for filled in [true, false] {
        for begun_first in [true, false] {
            if filled {
                one.scope(async { find_entry(1).set(OLD).await }).await.unwrap();
            }
            let (first, second) = (begin(&one).await, begin(&two).await);
            let (first, second) = if begun_first { (first, second) } else { (second, first) };
            first.commit(NEW).await.unwrap();
            assert!(exists(&server, &key(&one).await).await);
            second.commit(NEW + 1).await.unwrap();
            assert!(!exists(&server, &key(&one).await).await, "filled: {filled}, in order: {begun_first}");
            for cache in [&one, &two] {
                let forgotten = || async { cache.scope(async { find_entry(1).peek().await }).await.is_none() };
                eventually(forgotten, SOON).await;
            }
        }
    }
    assert_eq!(one.scope(find(1, &runs)).await, OLD, "the next read loads");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_removed_by_hand_since_the_token_stays_removed() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let one = instance(&server).await;
    let (key, mut connection) = (key(&one).await, server.connection().await);
    for filled in [true, false] {
        if filled {
            one.scope(find(1, &runs)).await;
        }
        let write = begin(&one).await;
        let _: () = connection.del(&key).await.unwrap();
        write.commit(NEW).await.unwrap();
        assert!(!exists(&server, &key).await, "filled: {filled}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_another_type_is_removed_when_it_is_written() {
    let server = RedisServer::start().await;
    let one = instance(&server).await;
    let (key, mut connection) = (key(&one).await, server.connection().await);
    for before_the_token in [true, false] {
        let early = if before_the_token { None } else { Some(begin(&one).await) };
        let _: () = connection.del(&key).await.unwrap();
        let _: () = connection.lpush(&key, "not ours").await.unwrap();
        let write = match early {
            Some(write) => write,
            None => begin(&one).await,
        };
        write.commit(NEW).await.unwrap();
        assert!(!exists(&server, &key).await, "before the token: {before_the_token}");
    }
    one.scope(save(1, NEW)).await.unwrap();
    assert!(exists(&server, &key).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_whose_caller_goes_away_leaves_nothing_old() {
    #[updates(find_entry(1))]
    async fn interrupted(begun: Arc<Notify>) -> u64 {
        begun.notify_one();
        std::future::pending().await
    }
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    one.scope(find(1, &runs)).await;
    two.scope(find(1, &runs)).await;
    let begun = Arc::new(Notify::new());
    let call = tokio::spawn({
        let (one, begun) = (one.clone(), Arc::clone(&begun));
        async move { one.scope(interrupted(begun)).await }
    });
    begun.notified().await;
    assert!(exists(&server, &key(&one).await).await, "not before it is known");
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    for cache in [&one, &two] {
        eventually(|| async { cache.scope(async { find_entry(1).peek().await }).await.is_none() }, SOON).await;
    }
    assert!(!exists(&server, &key(&one).await).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_goes_on_when_its_caller_goes_away() {
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    one.scope(find(1, &runs)).await;
    let write = begin(&one).await;
    server.pause();
    {
        let mut commit = Box::pin(write.commit(NEW));
        assert!(futures_util::poll!(commit.as_mut()).is_pending());
    }
    server.resume();
    eventually(|| async { two.scope(find(1, &runs)).await == NEW }, SOON).await;
    eventually(|| async { one.scope(find(1, &runs)).await == NEW }, SOON).await;
    assert_eq!(runs.get(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn out_of_memory_the_old_value_is_gone_all_the_same() {
    let server = RedisServer::start().await;
    let (one, two, runs) = pair(&server).await;
    one.scope(find(1, &runs)).await;
    assert_eq!(two.scope(find(1, &runs)).await, OLD);
    let mut connection = server.connection().await;
    for (setting, value) in [("maxmemory-policy", "noeviction"), ("maxmemory", "1")] {
        let _: () = redis::cmd("CONFIG").arg("SET").arg(setting).arg(value).query_async(&mut connection).await.unwrap();
    }
    assert_eq!(one.scope(save(1, NEW)).await, Ok(NEW));
    assert!(!exists(&server, &key(&one).await).await);
    assert_eq!(one.scope(async { find_entry(1).peek().await }).await, None);
    eventually(|| async { two.scope(async { find_entry(1).peek().await }).await.is_none() }, SOON).await;
    // And where there is nothing that could be a token.
    begin(&one).await.commit(NEW).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_reaches_nobody_is_an_error_and_memory_forgets() {
    let (mut server, runs) = (RedisServer::start().await, Calls::new());
    let one = instance(&server).await;
    one.scope(find(1, &runs)).await;
    let write = begin(&one).await;
    server.kill().await;
    write.commit(NEW).await.unwrap_err();
    assert_eq!(one.scope(async { find_entry(1).peek().await }).await, None);
}
