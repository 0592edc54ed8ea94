//! A cluster: a shard gets another primary, a slot moves.

use fastrand::Rng;
use tiercache_tests::{RedisCluster, RedisServer, eventually};

use super::state::{State, ask};
use super::{Failover, PATIENCE, fall_behind, until};

/// The nodes: each shard has number `n` and `n + SHARDS`.
const SHARDS: usize = 3;
/// Keys that move at a time.
const AT_A_TIME: usize = 100;

pub(super) async fn primaries(cluster: &RedisCluster) -> Vec<&RedisServer> {
    let mut primaries = Vec::new();
    for shard in 0..SHARDS {
        primaries.push(&cluster.nodes()[primary_of(cluster, shard).await]);
    }
    primaries
}

/// The number of the node that is the primary of a shard, once there is one.
async fn primary_of(cluster: &RedisCluster, shard: usize) -> usize {
    let is_first = State::of(&cluster.nodes()[shard]).await.is_primary();
    if is_first { shard } else { shard + SHARDS }
}

/// The primary of a shard is replaced by its replica; then it follows that one.
pub(super) async fn fail_over(cluster: &mut RedisCluster, failover: Failover, random: &mut Rng) -> String {
    let shard = random.usize(..SHARDS);
    let deposed = primary_of(cluster, shard).await;
    let successor = (deposed + SHARDS) % (2 * SHARDS);
    match failover {
        Failover::Planned => {}
        Failover::Kill => cluster.node(deposed).kill().await,
        Failover::Freeze => cluster.nodes()[deposed].pause(),
        Failover::Lag => {
            fall_behind(&cluster.nodes()[deposed]).await;
            cluster.node(deposed).kill().await;
        }
    }
    let order = || async {
        if failover == Failover::Planned {
            // Refused while the link to the primary is not known to be intact.
            let _: redis::RedisResult<()> = ask(&cluster.nodes()[successor], "CLUSTER FAILOVER").await;
        }
    };
    until(|| async { State::of(&cluster.nodes()[successor]).await.is_primary() }, order).await;
    match failover {
        Failover::Planned => {}
        Failover::Kill | Failover::Lag => cluster.node(deposed).restart().await,
        Failover::Freeze => cluster.nodes()[deposed].resume(),
    }
    is_whole(cluster).await;
    format!("node {deposed} gave way to {successor}")
}

/// Waits until every shard has one primary, whose replica follows it, and every node knows.
pub(super) async fn is_whole(cluster: &RedisCluster) {
    let whole = || async {
        for shard in 0..SHARDS {
            let primary = primary_of(cluster, shard).await;
            let replica = (primary + SHARDS) % (2 * SHARDS);
            let port = cluster.nodes()[primary].port();
            let [first, second] = [primary, replica].map(|number| State::of(&cluster.nodes()[number]));
            let (first, second) = futures_util::join!(first, second);
            if !(first.is_primary() && first.is("connected_slaves", "1") && second.follows(port)) {
                return false;
            }
        }
        agree(cluster).await
    };
    eventually(whole, PATIENCE).await;
}

/// Whether every node calls the same ones primaries, and finds the cluster in order.
async fn agree(cluster: &RedisCluster) -> bool {
    let mut primaries = Vec::new();
    for node in cluster.nodes() {
        let (info, nodes): (String, String) =
            match futures_util::join!(ask(node, "CLUSTER INFO"), ask(node, "CLUSTER NODES")) {
                (Ok(info), Ok(nodes)) => (info, nodes),
                _ => return false,
            };
        if !info.contains("cluster_state:ok") || nodes.contains("fail") {
            return false;
        }
        let mut named: Vec<String> = nodes
            .lines()
            .filter(|line| line.contains("master"))
            .filter_map(|line| line.split(' ').next().map(str::to_owned))
            .collect();
        named.sort_unstable();
        primaries.push(named);
    }
    primaries.windows(2).all(|pair| pair[0] == pair[1])
}

/// The slot of `key` goes to another primary and comes back.
pub(super) async fn move_there_and_back(cluster: &RedisCluster, key: &str) -> String {
    let from = cluster.primary_of(key, 0).await;
    let shard = (from + 1) % SHARDS;
    let to = primary_of(cluster, shard).await;
    let slot: u16 = ask(&cluster.nodes()[from], &format!("CLUSTER KEYSLOT {key}")).await.expect("every key has a slot");
    move_slot(cluster, slot, from, to).await;
    move_slot(cluster, slot, to, from).await;
    format!("slot {slot} of {key} went from node {from} to {to} and back")
}

async fn move_slot(cluster: &RedisCluster, slot: u16, from: usize, to: usize) {
    let (source, target) = (&cluster.nodes()[from], &cluster.nodes()[to]);
    let (old, new) = futures_util::join!(cluster.id(from), cluster.id(to));
    set_slot(target, &format!("{slot} IMPORTING {old}")).await;
    set_slot(source, &format!("{slot} MIGRATING {new}")).await;
    loop {
        let keys: Vec<String> =
            ask(source, &format!("CLUSTER GETKEYSINSLOT {slot} {AT_A_TIME}")).await.expect("a slot can be listed");
        if keys.is_empty() {
            break;
        }
        // Between the two spaces there is a word: no key, as there are several.
        let command = format!("MIGRATE 127.0.0.1 {}  0 5000 REPLACE KEYS {}", target.port(), keys.join(" "));
        let moved: redis::RedisResult<redis::Value> = ask(source, &command).await;
        moved.expect("keys can be moved");
    }
    for node in [target, source] {
        set_slot(node, &format!("{slot} NODE {new}")).await;
    }
    let known = || async {
        for asked in 0..cluster.nodes().len() {
            let slots: redis::RedisResult<Vec<Vec<redis::Value>>> = ask(&cluster.nodes()[asked], "CLUSTER SLOTS").await;
            if !slots.is_ok_and(|slots| has(&slots, slot, target.port())) {
                return false;
            }
        }
        true
    };
    eventually(known, PATIENCE).await;
}

async fn set_slot(node: &RedisServer, arguments: &str) {
    let set: redis::RedisResult<()> = ask(node, &format!("CLUSTER SETSLOT {arguments}")).await;
    set.unwrap_or_else(|error| panic!("CLUSTER SETSLOT {arguments}: {error}"));
}

/// Whether ranges of `CLUSTER SLOTS` say that the primary of `slot` is on `port`.
fn has(ranges: &[Vec<redis::Value>], slot: u16, port: u16) -> bool {
    use redis::Value::{Array, Int};
    ranges.iter().any(|range| match range.as_slice() {
        [Int(first), Int(last), Array(primary), ..] => {
            (*first..=*last).contains(&slot.into()) && primary.get(1) == Some(&Int(port.into()))
        }
        _ => false,
    })
}
