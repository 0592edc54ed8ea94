//! What servers say of themselves.

use std::collections::HashMap;

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, RedisResult};
use tiercache_tests::RedisServer;

/// The answer to a command, its words apart.
pub(super) async fn ask<T: FromRedisValue>(server: &RedisServer, command: &str) -> RedisResult<T> {
    ask_on(&mut server.connection().await, command).await
}

pub(super) async fn ask_on<T: FromRedisValue>(connection: &mut MultiplexedConnection, command: &str) -> RedisResult<T> {
    let mut words = command.split(' ');
    let mut request = redis::cmd(words.next().unwrap_or_default());
    for word in words {
        request.arg(word);
    }
    request.query_async(connection).await
}

/// A server, by what it says of its replication.
#[derive(Debug)]
pub(super) struct State(HashMap<String, String>);

impl State {
    pub(super) async fn of(server: &RedisServer) -> Self {
        let text: String = ask(server, "INFO replication").await.unwrap_or_default();
        let facts = text.lines().filter_map(|line| line.split_once(':'));
        Self(facts.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    pub(super) fn is(&self, fact: &str, value: &str) -> bool {
        self.0.get(fact).is_some_and(|found| found == value)
    }

    pub(super) fn is_primary(&self) -> bool {
        self.is("role", "master")
    }

    /// Its name among primaries: another one each time that it becomes one.
    pub(super) fn reign(&self) -> String {
        self.0.get("master_replid").cloned().unwrap_or_default()
    }

    /// Whether it follows the server on this port, and has all that it has.
    pub(super) fn follows(&self, port: u16) -> bool {
        self.is("role", "slave") && self.is("master_port", &port.to_string()) && self.is("master_link_status", "up")
    }
}
