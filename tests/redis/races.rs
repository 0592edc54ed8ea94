//! Races that a cache without these rules loses now and then; here they are lost every time.

use std::sync::Arc;
use std::time::Duration;

use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use tiercache::{Cache, cached};
use tiercache_tests::{Calls, Proxy, RedisServer, eventually};
use tokio::sync::Notify;

use super::{at, instance};

const SOON: Duration = Duration::from_secs(10);

#[cached(prefix = "row", l1_ttl = 60, skip(runs))]
async fn row(id: u64, runs: &Calls) -> usize {
    runs.hit()
}

/// How often the server has carried out a command.
pub(super) async fn carried_out(connection: &MultiplexedConnection, command: &str) -> u64 {
    let mut connection = connection.clone();
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.and_then(|line| line.split(',').next()).map_or(0, |calls| calls.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_comes_after_the_news_of_its_invalidation_is_not_kept() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let proxy = Proxy::start(server.port()).await;
    let (writer, reader) = (instance(&server).await, at(&proxy.url(), "shop").await);
    let connection = server.connection().await;
    let listening = async || {
        let mut connection = connection.clone();
        let listeners: (String, usize) =
            redis::cmd("PUBSUB").arg("NUMSUB").arg("shop:@bus").query_async(&mut connection).await.unwrap();
        listeners.1 == 2
    };
    eventually(listening, SOON).await;
    let old = writer.scope(row(1, &runs)).await;
    let read_before = carried_out(&connection, "get").await;
    proxy.slow_replies(Duration::from_millis(700));
    let read = {
        let (reader, runs) = (reader.clone(), runs.clone());
        tokio::spawn(async move { reader.scope(row(1, &runs)).await })
    };
    eventually(|| async { carried_out(&connection, "get").await > read_before }, SOON).await;
    // The reply with the old value is under way; the message overtakes it.
    writer.scope(async { row_entry(1).invalidate().await }).await.unwrap();
    assert_eq!(read.await.unwrap(), old, "it was true when it was read");
    proxy.pass();
    assert_ne!(reader.scope(row(1, &runs)).await, old);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_does_not_store_over_the_lease_of_one_begun_after_the_removal() {
    #[cached(prefix = "held", skip(gates, runs))]
    async fn held(id: u64, gates: Arc<[Notify; 2]>, runs: Calls) -> usize {
        let nth = runs.hit();
        gates[nth - 1].notified().await;
        nth
    }
    let (server, runs, gates) = (RedisServer::start().await, Calls::new(), Arc::new([Notify::new(), Notify::new()]));
    let (one, two) = (instance(&server).await, instance(&server).await);
    let mut connection = server.connection().await;
    let load = |cache: &Cache| {
        let (cache, gates, runs) = (cache.clone(), Arc::clone(&gates), runs.clone());
        tokio::spawn(async move { cache.scope(held(1, gates, runs)).await })
    };
    let first = load(&one);
    eventually(|| async { runs.get() == 1 }, SOON).await;
    let _: usize = connection.del(one.scope(async { held_entry(1).key() }).await.unwrap()).await.unwrap();
    let second = load(&two);
    eventually(|| async { runs.get() == 2 }, SOON).await;
    gates[0].notify_one();
    assert_eq!(first.await.unwrap(), 1);
    assert_eq!(two.scope(async { held_entry(1).peek().await }).await, None, "nothing is stored yet");
    gates[1].notify_one();
    assert_eq!(second.await.unwrap(), 2);
    assert_eq!(two.scope(async { held_entry(1).peek().await }).await, Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stamp_that_is_made_again_does_not_revive_what_carried_the_one_before() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let cache = instance(&server).await;
    let mut connection = server.connection().await;
    for lost in ["evicted", "invalidated", "flushed with all others"] {
        let old = cache.scope(row(1, &runs)).await;
        let _: usize = match lost {
            "evicted" => connection.hdel("shop:@groups", "p:row").await.unwrap(),
            "invalidated" => cache.invalidate_prefix("row").await.map(|()| 0).unwrap(),
            _ => connection.del("shop:@groups").await.unwrap(),
        };
        // Another load makes it again.
        cache.scope(async { row_entry(2).invalidate().await }).await.unwrap();
        cache.scope(row(2, &runs)).await;
        assert!(connection.hexists::<_, _, bool>("shop:@groups", "p:row").await.unwrap());
        cache.clear_l1();
        assert_ne!(cache.scope(row(1, &runs)).await, old, "{lost}");
    }
}
