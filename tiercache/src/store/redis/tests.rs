use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::*;
use crate::store::conformance::conformance;

fn free() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A server without persistence; it ends when this is dropped.
struct Server(Child);

impl Server {
    fn start(scheme: &str, arguments: &[&str]) -> (Self, Redis) {
        let port = free();
        let mut command = Command::new("redis-server");
        command.args(["--save", "", "--bind", "127.0.0.1", "--port", &port.to_string()]).stdout(Stdio::null());
        command.args(arguments);
        let process = command.spawn().expect("redis-server is installed");
        (Self(process), Redis::new(format!("{scheme}://127.0.0.1:{port}")).unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn redis_keeps_the_contract_of_l2() {
    let (_server, redis) = Server::start("redis", &[]);
    keeps_the_contract(redis).await;
}

/// One node with all slots: it refuses commands that cross them like any other.
#[cfg(feature = "cluster")]
#[tokio::test]
async fn a_cluster_keeps_the_contract_of_l2() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let arguments = ["--cluster-enabled", "yes", "--cluster-port", &free().to_string(), "--dir", dir];
    let (_server, redis) = Server::start("redis+cluster", &arguments);
    let Target::Cluster(nodes) = &redis.target else { panic!("a cluster") };
    let (client, begin) = (redis::Client::open(nodes[0].clone()).unwrap(), Instant::now());
    while let Err(error) = all_slots(&client).await {
        assert!(begin.elapsed() < Duration::from_secs(20), "redis-server does not become a cluster: {error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    keeps_the_contract(redis).await;
}

#[cfg(feature = "cluster")]
async fn all_slots(client: &redis::Client) -> redis::RedisResult<()> {
    let mut connection = client.get_multiplexed_async_connection().await?;
    // It takes a moment until it serves them; meanwhile they cannot be added once more.
    let _ = redis::cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(0).arg(16_383).exec_async(&mut connection).await;
    redis::cmd("GET").arg("any").exec_async(&mut connection).await
}

async fn keeps_the_contract(redis: Redis) {
    let (store, begin) = (redis.into_store().unwrap(), Instant::now());
    while let Err(error) = store.ping().await {
        assert!(begin.elapsed() < Duration::from_secs(20), "redis-server does not answer: {error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    conformance(&*store).await;
}
