//! Several servers that belong together.

mod cluster;
mod sentinel;

pub use cluster::RedisCluster;
pub use sentinel::SentinelGroup;

use std::collections::HashMap;
use std::time::Duration;

use redis::aio::MultiplexedConnection;

use crate::{RedisServer, eventually};

/// How long they may take to find each other, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);
/// Milliseconds of silence after which a server is taken for dead: by those who are to replace it soon, and by those who are to leave it
/// alone, as a busy machine can keep it silent for a while.
const HASTY: &str = "1000";
const CALM: &str = "15000";
/// What makes replicas follow soon.
const SOON: [&str; 2] = ["--repl-diskless-sync-delay", "0"];

/// `redis+{what}://…` with the addresses of `servers`; `rediss+{what}://…` if they speak TLS.
fn url(what: &str, servers: &[RedisServer]) -> String {
    let by_tls = if servers.iter().all(|server| server.tls_port().is_some()) { "s" } else { "" };
    let servers: Vec<_> = servers.iter().map(|server| format!("127.0.0.1:{}", server.known_port())).collect();
    format!("redis{by_tls}+{what}://{}", servers.join(","))
}

/// The answer to `command`, its words apart; an error is the test's.
async fn ask<T: redis::FromRedisValue>(connection: &MultiplexedConnection, command: &str) -> T {
    try_ask(connection, command).await.unwrap_or_else(|error| panic!("{command}: {error}"))
}

async fn try_ask<T: redis::FromRedisValue>(connection: &MultiplexedConnection, command: &str) -> redis::RedisResult<T> {
    let mut words = command.split(' ');
    let mut request = redis::cmd(words.next().unwrap_or_default());
    for word in words {
        request.arg(word);
    }
    request.query_async(&mut connection.clone()).await
}

/// The lines `name:value` of `INFO` and its like.
fn facts(text: &str) -> HashMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once(':')).collect()
}

/// Waits until `server` says so in the section `replication` of its `INFO`.
async fn replicates(connection: &MultiplexedConnection, fact: &str, value: &str) {
    let holds = || async {
        let text: String = ask(connection, "INFO replication").await;
        facts(&text).get(fact) == Some(&value)
    };
    eventually(holds, PATIENCE).await;
}

/// Connections to servers, in their order.
async fn connections(servers: &[RedisServer]) -> Vec<MultiplexedConnection> {
    futures_util::future::join_all(servers.iter().map(RedisServer::connection)).await
}
