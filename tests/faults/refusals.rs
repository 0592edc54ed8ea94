//! A Redis that answers with errors is as one that is down.

use std::time::Duration;

use redis::AsyncCommands;
use tiercache::Cache;
use tiercache_tests::{Calls, RedisServer, eventually};
use tokio::time::sleep;

use super::redis_down::{BEYOND, BODY, at, calling, find, recovers, recovery, served};
use super::table::{BUSY, LOADING, MASTER_DOWN, READ_ONLY, Row};
use super::{ALONE, at_length, measured};

/// The callers of an L2 that refuses for as long as this runs; then `end` ends it, and it is used again.
async fn refused(row: Row, one: &Cache, two: &Cache, end: impl AsyncFnOnce()) {
    let load = calling(one);
    let refuses = async || one.stats().l2_errors.get("overloaded").is_some_and(|refusals| *refusals > 0);
    eventually(refuses, Duration::from_secs(10)).await;
    sleep(Duration::from_millis(at_length(300, 1_000))).await;
    end().await;
    let took = recovery(one, two).await;
    let carried = served(load, BODY + BEYOND).await;
    measured(row, format!("{carried}; used after {took} ms"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_loads_its_dump() {
    let _alone = ALONE.lock().await;
    // Until it is told otherwise.
    let slowly = ["--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"];
    let mut server = RedisServer::start_with(&slowly).await;
    let mut connection = server.connection().await;
    redis::cmd("DEBUG").arg("POPULATE").arg(20_000).exec_async(&mut connection).await.unwrap();
    redis::cmd("SAVE").exec_async(&mut connection).await.unwrap();
    server.kill().await;
    server.restart().await;
    let (one, two) = (at(&server.url()).await, at(&server.url()).await);
    refused(LOADING, &one, &two, async || {
        let mut connection = server.connection().await;
        let mut hurry = redis::cmd("CONFIG");
        hurry.arg("SET").arg("key-load-delay").arg(0).exec_async(&mut connection).await.unwrap();
        let loaded = async || redis::cmd("PING").exec_async(&mut connection.clone()).await.is_ok();
        eventually(loaded, Duration::from_secs(20)).await;
        let _: () = connection.del("none").await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_script_runs_for_ever() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start_with(&["--busy-reply-threshold", "50"]).await;
    let (one, two) = (at(&server.url()).await, at(&server.url()).await);
    recovers(&one, &two).await;
    let mut connection = server.connection().await;
    let endless = tokio::spawn(async move {
        redis::cmd("EVAL").arg("while true do end").arg(0).exec_async(&mut connection).await.unwrap_err()
    });
    refused(BUSY, &one, &two, async || {
        let mut connection = server.connection().await;
        redis::cmd("SCRIPT").arg("KILL").exec_async(&mut connection).await.unwrap();
        endless.await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_is_a_replica() {
    let _alone = ALONE.lock().await;
    let (server, primary) = (RedisServer::start().await, RedisServer::start().await);
    let (one, two) = (at(&server.url()).await, at(&server.url()).await);
    recovers(&one, &two).await;
    let mut connection = server.connection().await;
    let mut replicate = redis::cmd("REPLICAOF");
    replicate.arg("127.0.0.1").arg(primary.port()).exec_async(&mut connection).await.unwrap();
    let synced = async || {
        let info: String = redis::cmd("INFO").arg("replication").query_async(&mut connection.clone()).await.unwrap();
        info.contains("master_link_status:up")
    };
    eventually(synced, Duration::from_secs(10)).await;
    refused(READ_ONLY, &one, &two, async || {
        redis::cmd("REPLICAOF").arg("NO").arg("ONE").exec_async(&mut connection.clone()).await.unwrap();
    })
    .await;
    let runs = Calls::new();
    assert_eq!(one.scope(find(7, &runs)).await, Ok(7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_is_a_replica_that_has_lost_its_primary() {
    let _alone = ALONE.lock().await;
    let (server, mut primary) = (RedisServer::start().await, RedisServer::start().await);
    let (one, two) = (at(&server.url()).await, at(&server.url()).await);
    recovers(&one, &two).await;
    primary.kill().await;
    let mut connection = server.connection().await;
    let mut stale = redis::cmd("CONFIG");
    stale.arg("SET").arg("replica-serve-stale-data").arg("no").exec_async(&mut connection).await.unwrap();
    let mut replicate = redis::cmd("REPLICAOF");
    replicate.arg("127.0.0.1").arg(primary.port()).exec_async(&mut connection).await.unwrap();
    let error = redis::cmd("GET").arg("any").exec_async(&mut connection).await.unwrap_err();
    assert_eq!(error.code(), Some("MASTERDOWN"));
    refused(MASTER_DOWN, &one, &two, async || {
        redis::cmd("REPLICAOF").arg("NO").arg("ONE").exec_async(&mut connection.clone()).await.unwrap();
    })
    .await;
}
