use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::*;
use crate::store::Store;
use crate::store::conformance::conformance;

/// A server without persistence; it ends when this is dropped.
struct Server(Child);

impl Server {
    fn start() -> (Self, Redis) {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut command = Command::new("redis-server");
        command.args(["--save", "", "--bind", "127.0.0.1", "--port", &port.to_string()]).stdout(Stdio::null());
        let process = command.spawn().expect("redis-server is installed");
        (Self(process), Redis::new(format!("redis://127.0.0.1:{port}")).unwrap())
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
    let (_server, redis) = Server::start();
    let (store, begin) = (redis.into_store().unwrap(), Instant::now());
    while let Err(error) = store.ping().await {
        assert!(begin.elapsed() < Duration::from_secs(20), "redis-server does not answer: {error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    conformance(&store).await;
}
