//! Three primaries with a replica each.

use std::ops::Range;

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;

use super::{CALM, HASTY, PATIENCE, SOON, ask, connections, facts, replicates, try_ask};
use crate::server::FREE;
use crate::{Authority, RedisServer, eventually};

const PRIMARIES: usize = 3;
const SLOTS: usize = 16_384;

/// A Redis Cluster on loopback: three primaries and three replicas, which take over a second after a primary has gone. The slots of
/// the others are served meanwhile.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts one, and waits until every node finds it complete and every replica follows.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same, whose replicas do not take over by themselves until [`RedisCluster::fail_over_soon`]: on a busy machine a primary can be
    /// silent for a second without being dead.
    pub async fn start_calm() -> Self {
        Self::start().await.calm().await
    }

    /// A calm one by TLS: nodes speak it to each other, and to clients whose certificate is signed by `authority`.
    pub async fn start_tls(authority: &Authority) -> Self {
        let own = ["--tls-cluster", "yes", "--tls-replication", "yes"].map(str::to_owned);
        Self::start_with(&[authority.arguments("yes"), own.to_vec()].concat()).await.calm().await
    }

    /// Nodes that are patient with each other also tell each other little: so they are not until they know all.
    async fn calm(self) -> Self {
        self.configure("cluster-node-timeout", CALM).await;
        self
    }

    async fn start_with(arguments: &[String]) -> Self {
        let cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", HASTY, "--cluster-port", FREE];
        let lenient = ["--cluster-require-full-coverage", "no", "--cluster-replica-validity-factor", "0"];
        let arguments = arguments.iter().map(String::as_str);
        let arguments: Vec<&str> = [&cluster[..], &lenient, &SOON].concat().into_iter().chain(arguments).collect();
        let nodes = join_all((0..2 * PRIMARIES).map(|_| RedisServer::start_with(&arguments)));
        let cluster = Self { nodes: nodes.await };
        cluster.join().await;
        cluster
    }

    /// `redis+cluster://…` with the addresses of all nodes; `rediss+cluster://…` if they speak TLS.
    pub fn url(&self) -> String {
        super::url("cluster", &self.nodes)
    }

    /// The nodes: at first the primaries, in the order of their slots, then their replicas.
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// A node, to stop or to freeze it.
    pub fn node(&mut self, number: usize) -> &mut RedisServer {
        &mut self.nodes[number]
    }

    /// The slots that primary `number` had at first.
    pub fn slots_of(&self, number: usize) -> Range<usize> {
        number * SLOTS / PRIMARIES..(number + 1) * SLOTS / PRIMARIES
    }

    /// The number of the node that is the primary of `key` now, as node `asked` sees it.
    pub async fn primary_of(&self, key: &str, asked: usize) -> usize {
        let connection = self.nodes[asked].connection().await;
        let slot: usize = ask(&connection, &format!("CLUSTER KEYSLOT {key}")).await;
        self.primary_of_slot(&connection, slot).await.expect("every slot has a primary")
    }

    /// Waits until another node than `deposed` is the primary of `key`, as seen by node `asked`.
    pub async fn is_taken_over(&self, key: &str, deposed: usize, asked: usize) {
        let connection = self.nodes[asked].connection().await;
        let slot: usize = ask(&connection, &format!("CLUSTER KEYSLOT {key}")).await;
        let taken = || async {
            let primary = self.primary_of_slot(&connection, slot).await;
            primary.is_some_and(|primary| primary != deposed)
        };
        eventually(taken, PATIENCE).await;
    }

    /// Waits until the nodes that run find some of the slots without a primary that answers.
    pub async fn is_incomplete(&self) {
        let incomplete =
            async |node: &MultiplexedConnection| says(node, "cluster_slots_fail", |slots| slots != "0").await;
        join_all(self.running().await.iter().map(incomplete)).await;
    }

    /// Waits until the nodes that run find all slots served.
    pub async fn is_complete(&self) {
        join_all(self.running().await.iter().map(is_complete)).await;
    }

    /// From now on a primary that has been gone for a second is replaced.
    pub async fn fail_over_soon(&self) {
        self.configure("cluster-node-timeout", HASTY).await;
    }

    /// Whether the nodes that run refuse every slot while one of them is not served, as Redis does unless it is told otherwise.
    pub async fn demand_all_slots(&self, demanded: bool) {
        self.configure("cluster-require-full-coverage", if demanded { "yes" } else { "no" }).await;
    }

    async fn configure(&self, setting: &str, value: &str) {
        let command = format!("CONFIG SET {setting} {value}");
        join_all(self.running().await.iter().map(|node| ask::<()>(node, &command))).await;
    }

    async fn running(&self) -> Vec<MultiplexedConnection> {
        join_all(self.nodes.iter().filter(|node| node.is_running()).map(RedisServer::connection)).await
    }

    /// The name that the cluster gives node `number`.
    pub async fn id(&self, number: usize) -> String {
        ask(&self.nodes[number].connection().await, "CLUSTER MYID").await
    }

    async fn primary_of_slot(&self, connection: &MultiplexedConnection, slot: usize) -> Option<usize> {
        let ranges: Vec<(usize, usize, (String, u16))> = shortened(ask(connection, "CLUSTER SLOTS").await);
        let (.., (_, port)) = ranges.into_iter().find(|(first, last, _)| (*first..=*last).contains(&slot))?;
        self.nodes.iter().position(|node| node.port() == port)
    }

    async fn join(&self) {
        let connections = connections(&self.nodes).await;
        for (number, primary) in connections[..PRIMARIES].iter().enumerate() {
            let Range { start: first, end } = self.slots_of(number);
            ask::<()>(primary, &format!("CLUSTER SET-CONFIG-EPOCH {}", number + 1)).await;
            ask::<()>(primary, &format!("CLUSTER ADDSLOTSRANGE {first} {}", end - 1)).await;
        }
        for node in &self.nodes[1..] {
            let bus = node.number("--cluster-port").expect("every node has one");
            ask::<()>(&connections[0], &format!("CLUSTER MEET 127.0.0.1 {} {bus}", node.known_port())).await;
        }
        join_all(connections.iter().map(|node| says(node, "cluster_known_nodes", |nodes| nodes == "6"))).await;
        let replicas = connections[PRIMARIES..].iter().enumerate().map(async |(number, replica)| {
            let primary = self.id(number).await;
            // A node that has just been met is not known to all yet.
            let follow = || async { try_ask::<()>(replica, &format!("CLUSTER REPLICATE {primary}")).await.is_ok() };
            eventually(follow, PATIENCE).await;
            replicates(replica, "master_link_status", "up").await;
            replicates(&connections[number], "connected_slaves", "1").await;
        });
        join_all(replicas).await;
        join_all(connections.iter().map(is_complete)).await;
        join_all(connections.iter().map(knows_replicas)).await;
    }
}

/// Waits until `node` knows whose replica each is: else it does not vote for one.
async fn knows_replicas(node: &MultiplexedConnection) {
    let knows = || async {
        let nodes: String = ask(node, "CLUSTER NODES").await;
        nodes.lines().filter(|line| line.contains("slave")).count() == PRIMARIES
    };
    eventually(knows, PATIENCE).await;
}

/// Of each range what is asked for here: the rest of `CLUSTER SLOTS` differs from version to version.
fn shortened(ranges: Vec<Vec<redis::Value>>) -> Vec<(usize, usize, (String, u16))> {
    let part = |value: &redis::Value| match value {
        redis::Value::Array(parts) => redis::Value::Array(parts[..2].to_vec()),
        other => other.clone(),
    };
    let short = |range: Vec<redis::Value>| redis::Value::Array(range[..3].iter().map(part).collect());
    let convert = |range| redis::from_redis_value(short(range)).expect("CLUSTER SLOTS names slots and nodes");
    ranges.into_iter().map(convert).collect()
}

/// Waits until `node` serves, and knows of no slot that is not served.
async fn is_complete(node: &MultiplexedConnection) {
    says(node, "cluster_state", |state| state == "ok").await;
    says(node, "cluster_slots_ok", |slots| slots == SLOTS.to_string()).await;
}

/// Waits until what `CLUSTER INFO` of `node` says of `fact` is as it should be.
async fn says(node: &MultiplexedConnection, fact: &str, right: impl Fn(&str) -> bool) {
    let holds = || async {
        let text: String = ask(node, "CLUSTER INFO").await;
        facts(&text).get(fact).is_some_and(|value| right(value))
    };
    eventually(holds, PATIENCE).await;
}
