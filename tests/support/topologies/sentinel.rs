//! A primary, two replicas and three sentinels.

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;

use super::{CALM, HASTY, PATIENCE, SOON, ask, connections, replicates, try_ask};
use crate::{Authority, RedisServer, eventually};

/// What the sentinels call the primary.
const NAME: &str = "main";

/// A primary, two replicas, and three sentinels that replace a primary which has been gone for a second.
#[derive(Debug)]
pub struct SentinelGroup {
    servers: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
}

impl SentinelGroup {
    /// Starts one, and waits until each sentinel knows the replicas and the other sentinels.
    pub async fn start() -> Self {
        let group = Self::start_calm().await;
        group.fail_over_soon().await;
        group
    }

    /// The same, whose sentinels do not replace the primary by themselves until [`SentinelGroup::fail_over_soon`]: on a busy machine it can
    /// be silent for a second without being gone.
    pub async fn start_calm() -> Self {
        Self::start_with(&[]).await
    }

    /// A calm one by TLS: servers and sentinels speak it to each other, and to clients whose certificate is signed by `authority`.
    pub async fn start_tls(authority: &Authority) -> Self {
        let own = ["--tls-replication", "yes"].map(str::to_owned);
        Self::start_with(&[authority.arguments("yes"), own.to_vec()].concat()).await
    }

    async fn start_with(arguments: &[String]) -> Self {
        let server = async |more: &[&str]| {
            let arguments = arguments.iter().map(String::as_str);
            let arguments: Vec<&str> = SOON.iter().chain(more).copied().chain(arguments).collect();
            RedisServer::start_with(&arguments).await
        };
        let primary = server(&[]).await;
        let port = primary.known_port().to_string();
        let replica = async || server(&["--replicaof", "127.0.0.1", &port]).await;
        let (one, two) = futures_util::join!(replica(), replica());
        replicates(&primary.connection().await, "connected_slaves", "2").await;
        let servers = vec![primary, one, two];
        join_all(
            connections(&servers[1..]).await.iter().map(|replica| replicates(replica, "master_link_status", "up")),
        )
        .await;
        let sentinels = join_all((0..3).map(|_| RedisServer::start_sentinel(configuration(&port), arguments))).await;
        let group = Self { servers, sentinels };
        for sentinel in connections(&group.sentinels).await {
            let complete = || async {
                let facts = facts(&sentinel).await;
                let is = |name: &str, value: &str| facts.get(name).is_some_and(|found| found == value);
                is("num-slaves", "2") && is("num-other-sentinels", "2")
            };
            eventually(complete, PATIENCE).await;
        }
        group
    }

    /// `redis+sentinel://…/main`; `rediss+sentinel://…/main` if all speak TLS.
    pub fn url(&self) -> String {
        format!("{}/{NAME}", super::url("sentinel", &self.sentinels))
    }

    /// The servers: at first the primary, and its replicas.
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// A server, to stop or to freeze it.
    pub fn server(&mut self, number: usize) -> &mut RedisServer {
        &mut self.servers[number]
    }

    /// From now on a primary that has been gone for a second is replaced.
    pub async fn fail_over_soon(&self) {
        let command = format!("SENTINEL SET {NAME} down-after-milliseconds {HASTY} failover-timeout 3000");
        join_all(connections(&self.sentinels).await.iter().map(|sentinel| ask::<()>(sentinel, &command))).await;
    }

    /// Has the sentinels choose another primary.
    pub async fn fail_over(&self) {
        // They refuse while a replica's state is not known well enough.
        eventually(|| self.begins_to_fail_over(), PATIENCE).await;
    }

    /// The same, once: whether they begin.
    pub async fn begins_to_fail_over(&self) -> bool {
        let sentinel = self.sentinels[0].connection().await;
        try_ask::<()>(&sentinel, &format!("SENTINEL FAILOVER {NAME}")).await.is_ok()
    }

    /// Waits until two of the sentinels name another primary than server `deposed`, which is one; and says which.
    pub async fn is_taken_over(&self, deposed: usize) -> usize {
        eventually(|| async { self.successor(deposed).await.is_some() }, PATIENCE).await;
        self.successor(deposed).await.expect("there is one now")
    }

    /// What two of the sentinels call the primary, if that is another one than `deposed` and finds so itself.
    pub async fn successor(&self, deposed: usize) -> Option<usize> {
        let command = format!("SENTINEL GET-MASTER-ADDR-BY-NAME {NAME}");
        let sentinels = connections(&self.sentinels).await;
        let named = join_all(sentinels.iter().map(|one| ask::<(String, u16)>(one, &command))).await;
        let votes = |port: u16| named.iter().filter(|(_, named)| *named == port).count();
        let number = self
            .servers
            .iter()
            .position(|server| votes(server.known_port()) >= 2)
            .filter(|number| *number != deposed)?;
        let role: Vec<redis::Value> = try_ask(&self.servers[number].connection().await, "ROLE").await.ok()?;
        (role.first() == Some(&redis::Value::BulkString(b"master".to_vec()))).then_some(number)
    }
}

fn configuration(port: &str) -> String {
    format!(
        "sentinel monitor {NAME} 127.0.0.1 {port} 2\n\
         sentinel down-after-milliseconds {NAME} {CALM}\n\
         sentinel failover-timeout {NAME} {CALM}\n"
    )
}

async fn facts(sentinel: &MultiplexedConnection) -> std::collections::HashMap<String, String> {
    ask(sentinel, &format!("SENTINEL MASTER {NAME}")).await
}
