//! The users of the guide: what they may do is enough.

use redis::aio::MultiplexedConnection;
use tiercache_tests::{RedisCluster, RedisServer};

use super::{ALONE, patient, scenario};

/// The rules that the guide gives for a topology: the words of the line that begins with `name` in its block.
fn rules(name: &str) -> Vec<&'static str> {
    let guide = include_str!("../../tiercache/docs/redis.md");
    let start = format!("ACL SETUSER {name} ");
    let line = guide.lines().find_map(|line| line.strip_prefix(&start)).expect("the guide has a line for it");
    line.split(' ').collect()
}

pub(super) async fn add(node: &mut MultiplexedConnection, name: &str) {
    let mut command = redis::cmd("ACL");
    command.arg("SETUSER").arg(name).arg(rules(name));
    command.exec_async(node).await.expect("the rules are well formed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_permissions_of_the_guide_are_enough_for_one_server() {
    let server = RedisServer::start().await;
    add(&mut server.connection().await, "tiercache").await;
    let url = server.url().replace("redis://", "redis://tiercache:secret@");
    scenario::plays(&patient(&url).await, &patient(&url).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_permissions_of_the_guide_are_enough_for_a_cluster() {
    let _alone = ALONE.lock().await;
    let cluster = RedisCluster::start_calm().await;
    for node in cluster.nodes() {
        add(&mut node.connection().await, "tiercache-cluster").await;
    }
    let url = cluster.url().replace("redis+cluster://", "redis+cluster://tiercache-cluster:secret@");
    scenario::plays(&patient(&url).await, &patient(&url).await).await;
}
