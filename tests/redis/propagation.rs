//! How soon an invalidation made here is heard there: no round is missed, and the table says how long they took.

use std::fmt;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use tiercache::{Cache, cached};
use tiercache_tests::{Calls, RedisServer};
use tokio::time::sleep;

use super::coherence::pair;

/// What is promised while the bus is there.
const SOON: Duration = Duration::from_millis(50);
const MAX_STALENESS: Duration = Duration::from_secs(2);

#[cached(prefix = "heard", l1_ttl = 60, skip(runs))]
async fn heard(id: u64, runs: &Calls) -> usize {
    runs.hit()
}

/// How long each round took until the other instance had another value.
struct Rounds(Vec<Duration>);

impl Rounds {
    fn quantile(&self, of_a_thousand: usize) -> Duration {
        self.0[(self.0.len() - 1) * of_a_thousand / 1_000]
    }
}

impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (median, p99, worst) = (self.quantile(500), self.quantile(990), self.quantile(1_000));
        write!(f, "{:>6} rounds: median {median:.1?}, p99 {p99:.1?}, worst {worst:.1?}, missed 0", self.0.len())
    }
}

/// Invalidates one key `rounds` times, each after `before`, and asks the other instance until it has heard.
async fn rounds(server: &RedisServer, rounds: usize, before: impl AsyncFn(&mut MultiplexedConnection)) -> Rounds {
    let (one, two, runs) = pair(server).await;
    let mut connection = server.connection().await;
    let mut took = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let old = one.scope(heard(1, &runs)).await;
        assert_eq!(two.scope(heard(1, &runs)).await, old);
        before(&mut connection).await;
        one.scope(async { heard_entry(1).invalidate().await }).await.unwrap();
        took.push(until_changed(&two, &runs, old).await);
    }
    took.sort();
    Rounds(took)
}

async fn until_changed(cache: &Cache, runs: &Calls, old: usize) -> Duration {
    let started = Instant::now();
    loop {
        let begun = started.elapsed();
        if cache.scope(heard(1, runs)).await != old {
            return started.elapsed();
        }
        assert!(begun < MAX_STALENESS, "missed");
        tokio::task::yield_now().await;
    }
}

/// As many as the settings say, for a longer measurement.
fn count(usually: usize) -> usize {
    std::env::var("PROPAGATION_ROUNDS")
        .map_or(usually, |rounds| rounds.parse().expect("PROPAGATION_ROUNDS is a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalidation_made_here_is_heard_there_and_none_is_missed() {
    let rounds = rounds(&RedisServer::start().await, count(1_000), async |_: &mut MultiplexedConnection| {}).await;
    println!("by the bus              {rounds}");
    assert!(rounds.quantile(500) < SOON, "{rounds}");
    // On a machine that is busy with other tests a few rounds may take any time: `cargo xtask prove` runs this alone.
    assert!(rounds.0.len() < 10_000 || rounds.quantile(990) < SOON, "{rounds}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_made_just_after_the_bus_was_killed_is_heard_within_the_bound() {
    let kill = async |connection: &mut MultiplexedConnection| {
        let kill = redis::cmd("CLIENT").arg(&["KILL", "TYPE", "pubsub"]).exec_async(connection).await;
        kill.unwrap();
        sleep(Duration::from_millis(1)).await;
    };
    let rounds = rounds(&RedisServer::start().await, count(300).div_ceil(10), kill).await;
    println!("1 ms after its loss     {rounds}");
}
