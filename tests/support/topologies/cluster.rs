//! Three primaries with a replica each.

use std::ops::Range;

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;

use super::{PATIENCE, SOON, ask, connections, facts, replicates, try_ask};
use crate::{RedisServer, eventually, ports};

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

    /// The same, but nobody takes over from a primary that a busy machine holds up: for what is not about failovers.
    pub async fn start_calm() -> Self {
        Self::start_with(&["--cluster-node-timeout", "5000"]).await
    }

    /// The same as [`RedisCluster::start`] with more arguments for each node.
    pub async fn start_with(arguments: &[&str]) -> Self {
        let nodes = join_all((0..2 * PRIMARIES).map(|_| async {
            let bus = ports::free().to_string();
            let cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", &bus];
            let lenient = ["--cluster-require-full-coverage", "no", "--cluster-replica-validity-factor", "0"];
            RedisServer::start_with(&[&cluster[..], &lenient, &SOON, arguments].concat()).await
        }));
        let cluster = Self { nodes: nodes.await };
        cluster.join().await;
        cluster
    }

    /// `redis+cluster://…` with the addresses of all nodes.
    pub fn url(&self) -> String {
        let nodes: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis+cluster://{}", nodes.join(","))
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
        let bus =
            join_all(connections.iter().map(|node| ask::<(String, String)>(node, "CONFIG GET cluster-port"))).await;
        for (node, (_, bus)) in self.nodes.iter().zip(bus).skip(1) {
            ask::<()>(&connections[0], &format!("CLUSTER MEET 127.0.0.1 {} {bus}", node.port())).await;
        }
        join_all(connections.iter().map(|node| says(node, "cluster_known_nodes", "6"))).await;
        let replicas = connections[PRIMARIES..].iter().enumerate().map(async |(number, replica)| {
            let primary = self.id(number).await;
            // A node that has just been met is not known to all yet.
            let follow = || async { try_ask::<()>(replica, &format!("CLUSTER REPLICATE {primary}")).await.is_ok() };
            eventually(follow, PATIENCE).await;
            replicates(replica, "master_link_status", "up").await;
            replicates(&connections[number], "connected_slaves", "1").await;
        });
        join_all(replicas).await;
        join_all(connections.iter().map(|node| says(node, "cluster_state", "ok"))).await;
        // A node finds that good enough when it knows its own slots.
        let complete = |node| async move { eventually(|| knows_all(node), PATIENCE).await };
        join_all(connections.iter().map(complete)).await;
    }
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

/// Whether a node knows who has which slots, and all replicas as such.
async fn knows_all(node: &MultiplexedConnection) -> bool {
    let text: String = ask(node, "CLUSTER NODES").await;
    let has = |words: &[&str], flag: &str| words.get(2).is_some_and(|flags| flags.split(',').any(|one| one == flag));
    let nodes: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
    let replicas = nodes.iter().filter(|words| has(words, "slave")).count();
    // The slots of a primary follow its eight facts.
    let primaries = nodes.iter().filter(|words| has(words, "master") && words.len() > 8).count();
    (primaries, replicas) == (PRIMARIES, PRIMARIES)
}

async fn says(node: &MultiplexedConnection, fact: &str, value: &str) {
    let holds = || async {
        let text: String = ask(node, "CLUSTER INFO").await;
        facts(&text).get(fact) == Some(&value)
    };
    eventually(holds, PATIENCE).await;
}
