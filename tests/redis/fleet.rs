//! Several processes: one load for all of them, also when the one who loads is killed.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use rustix::process::{Signal, getpid, kill_process};
use tiercache::{Cache, cached};
use tiercache_tests::{RedisServer, eventually};

use super::at;

const URL: &str = "FLEET_URL";
const TEST: &str = "fleet::a_cold_key_is_loaded_once_by_eight_processes_and_by_another_one_if_the_first_is_killed";
const PROCESSES: usize = 8;
const TASKS: usize = 100;
/// How long a lease lives that its holder does not renew any more.
const LEASE: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(60);

/// Bodies count themselves, and one ends its process as `kill -9` does.
#[cached(prefix = "cold", skip(database))]
async fn cold(id: &str, mut database: MultiplexedConnection) -> u32 {
    let nth: u32 = database.incr(format!("bodies:{id}"), 1).await.unwrap();
    if id == "held" && nth == 1 {
        kill_process(getpid(), Signal::KILL).unwrap();
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    nth
}

/// The other processes; they end with this.
struct Fleet(Vec<Child>);

impl Fleet {
    fn start(server: &RedisServer) -> Self {
        let start = |_| {
            let mut command = Command::new(std::env::current_exe().expect("a running test has a path"));
            command.args(["--exact", "--nocapture", TEST]).env(URL, server.url()).stdout(Stdio::null());
            command.spawn().expect("this test can run itself")
        };
        Self((0..PROCESSES).map(start).collect())
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Both fail only for a child that has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_key_is_loaded_once_by_eight_processes_and_by_another_one_if_the_first_is_killed() {
    if let Ok(url) = std::env::var(URL) {
        return one_of_many(&url).await;
    }
    let server = RedisServer::start().await;
    let _fleet = Fleet::start(&server);
    let mut database = server.connection().await;
    until(&database, "ready", PROCESSES).await;

    let _: () = database.set("go:cold", 1).await.unwrap();
    until(&database, "answered:cold", PROCESSES * TASKS).await;
    assert_eq!(number(&database, "bodies:cold").await, 1, "one body in all");

    let _: () = database.set("go:held", 1).await.unwrap();
    until(&database, "bodies:held", 1).await;
    let begun = Instant::now();
    until(&database, "bodies:held", 2).await;
    let took = begun.elapsed();
    until(&database, "answered:held", (PROCESSES - 1) * TASKS).await;
    assert_eq!(number(&database, "bodies:held").await, 2, "one body more");
    // A lease's life, and not the time after which everyone would run a body: the machine may be busy.
    assert!(took < LEASE + Duration::from_secs(5), "{took:?}");
}

/// A process of the fleet: tells that it is there, and does as it is told.
async fn one_of_many(url: &str) {
    let (cache, database) = (at(url, "shop").await, redis::Client::open(url).unwrap());
    let mut database = database.get_multiplexed_async_connection().await.unwrap();
    let _: () = database.incr("ready", 1).await.unwrap();
    for id in ["cold", "held"] {
        until(&database, &format!("go:{id}"), 1).await;
        let tasks = (0..TASKS).map(|_| tokio::spawn(call(cache.clone(), id, database.clone())));
        for task in join_all(tasks).await {
            task.unwrap();
        }
    }
}

async fn call(cache: Cache, id: &'static str, mut database: MultiplexedConnection) {
    let answer = cache.scope(cold(id, database.clone())).await;
    assert_eq!(answer, if id == "held" { 2 } else { 1 });
    let _: () = database.incr(format!("answered:{id}"), 1).await.unwrap();
}

async fn number(database: &MultiplexedConnection, key: &str) -> usize {
    let mut database = database.clone();
    database.get::<_, Option<usize>>(key).await.unwrap().unwrap_or(0)
}

/// Until the number under `key` is `least` or more.
async fn until(database: &MultiplexedConnection, key: &str, least: usize) {
    eventually(|| async { number(database, key).await >= least }, PATIENCE).await;
}
