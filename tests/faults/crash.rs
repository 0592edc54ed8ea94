//! Processes that are killed between any two steps leave no value half-written and no lease for long.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tiercache::{Cache, cached};
use tiercache_tests::RedisServer;
use tokio::time::sleep;

use super::breaker::patient;
use super::table::CRASHED;
use super::{ALONE, at_length, limit, measured};

const URL: &str = "FAULTS_CRASHING";
const TEST: &str = "crash::a_process_killed_between_any_two_steps_leaves_nothing_half_done";
const IDS: u64 = 200;
const LEASE: Duration = Duration::from_secs(3);
/// A machine that is busy with other things.
const MARGIN: Duration = Duration::from_secs(2);

#[cached(prefix = "text", tags("all"))]
async fn text(id: u64) -> String {
    sleep(Duration::from_micros(fastrand::u64(..3_000))).await;
    value(id)
}

fn value(id: u64) -> String {
    format!("text {id} ").repeat(500)
}

/// The victim; it ends with this.
struct Victim(Child);

impl Victim {
    fn start(url: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("a running test has a path"));
        command.args(["--exact", TEST, "--nocapture"]).env(URL, url).stdout(Stdio::null());
        Self(command.spawn().expect("this test can run itself"))
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // SIGKILL; both fail only for a child that has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Fills, invalidates and writes until it is killed.
async fn work(cache: Cache) {
    loop {
        let id = fastrand::u64(..IDS);
        match fastrand::u8(..100) {
            0 => drop(cache.invalidate_tags(["all"]).await),
            1..20 => drop(cache.scope(async { text_entry(id).invalidate().await }).await),
            20..30 => drop(cache.scope(async { text_entry(id).set(value(id)).await }).await),
            _ => assert_eq!(cache.scope(text(id)).await, value(id)),
        }
    }
}

#[test]
fn a_process_killed_between_any_two_steps_leaves_nothing_half_done() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        match std::env::var(URL) {
            Ok(url) => {
                let cache = patient(&url).await;
                join_all((0..16).map(|_| work(cache.clone()))).await;
            }
            Err(_) => judge().await,
        }
    });
}

async fn judge() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let crashes = at_length(20, 300);
    let reader = patient(&server.url()).await;
    let mut reads = 0;
    for _ in 0..crashes {
        let victim = Victim::start(&server.url());
        let (begun, life) = (Instant::now(), Duration::from_millis(fastrand::u64(100..300)));
        while begun.elapsed() < life {
            let id = fastrand::u64(..IDS);
            // By who waits for no lease of a victim.
            if let Some(found) = reader.scope(async { text_entry(id).peek().await }).await {
                assert_eq!(found, value(id));
                reads += 1;
            }
        }
        drop(victim);
    }
    assert!(reads > 0);
    let (last, begun) = (patient(&server.url()).await, Instant::now());
    for (found, id) in join_all((0..IDS).map(|id| last.scope(text(id)))).await.into_iter().zip(0..) {
        assert_eq!(found, value(id));
    }
    let took = begun.elapsed();
    assert!(took < limit(LEASE + MARGIN), "{took:?}");
    // Values whose tag was invalidated are there to be rejected, and nothing else is.
    for cache in [&reader, &last] {
        assert!(cache.stats().rejected.into_iter().all(|(reason, count)| reason == "stamp" || count == 0));
    }
    let took = took.as_millis();
    measured(CRASHED, format!("{crashes} kills, {reads} hits: 0 wrong, 0 damaged; {IDS} keys again within {took} ms"));
}
