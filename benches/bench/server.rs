//! A `redis-server` of our own, and a bare client to measure against.

use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};

use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, AsyncConnectionConfig, Client};

use crate::Result;
use crate::subject::User;

/// A server without persistence on a free loopback port; it ends when this is dropped.
pub(crate) struct RedisServer {
    process: Child,
    port: u16,
}

impl RedisServer {
    pub(crate) fn start() -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let process = Command::new("redis-server")
            .args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port", &port.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("redis-server cannot be started, is it installed? {error}"))?;
        let mut server = Self { process, port };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result {
        let log = self.process.stdout.take().ok_or("its output is piped")?;
        let mut log = BufReader::new(log).lines();
        let ready = log.by_ref().any(|line| line.is_ok_and(|line| line.contains("Ready to accept connections")));
        // Read on, or the server would meet a closed pipe.
        std::thread::spawn(move || log.for_each(drop));
        if ready {
            Ok(())
        } else {
            Err(format!("redis-server ended instead of listening on port {}", self.port).into())
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A client on the runtime that this is called on.
    pub(crate) async fn connect(&self) -> Result<Bare> {
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let client = Client::open(self.url())?;
        Ok(Bare(client.get_multiplexed_async_connection_with_config(&config).await?))
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _: io::Result<()> = self.process.kill();
        let _ = self.process.wait();
    }
}

/// redis-rs and a codec, as one would write it by hand.
#[derive(Clone)]
pub(crate) struct Bare(MultiplexedConnection);

impl Bare {
    pub(crate) async fn set(&self, user: &User, id: u64) {
        let bytes = bincode::serde::encode_to_vec(user, bincode::config::standard()).expect("a user can be encoded");
        let _: () = self
            .0
            .clone()
            .hset_multiple("bare:stamps", &[("n", u64::MAX), ("p:user", u64::MAX)])
            .await
            .expect("our own server answers");
        let _: () = self.0.clone().set_ex(key(id), bytes, 3_600).await.expect("our own server answers");
    }

    pub(crate) async fn get(&self, id: u64) -> User {
        self.find(id).await.expect("it was set before")
    }

    async fn find(&self, id: u64) -> Option<User> {
        let bytes: Option<Vec<u8>> = self.0.clone().get(key(id)).await.expect("our own server answers");
        bytes.map(|bytes| decode(&bytes))
    }

    /// What tiercache asks for in one round trip: the value, its remaining life, the stamps of its groups.
    pub(crate) async fn get_with_life_and_stamps(&self, id: u64) -> User {
        let mut pipeline = redis::pipe();
        pipeline.get(key(id)).pttl(key(id)).cmd("HMGET").arg("bare:stamps").arg(&["n", "p:user"]);
        let answer: (Vec<u8>, i64, [Option<u64>; 2]) =
            pipeline.query_async(&mut self.0.clone()).await.expect("our own server answers");
        decode(&answer.0)
    }

    pub(crate) async fn get_and_set(&self, id: u64) -> User {
        let found = self.find(id).await;
        assert_eq!(found, None);
        let user = User::new(id);
        self.set(&user, id).await;
        user
    }
}

fn decode(bytes: &[u8]) -> User {
    bincode::serde::decode_from_slice(bytes, bincode::config::standard()).expect("it was encoded by `set`").0
}

/// As long as tiercache's keys are.
fn key(id: u64) -> String {
    format!("bare:user:{id:064x}")
}
