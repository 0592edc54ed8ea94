//! Runtimes of the user come and go: who called from one that is gone holds up nobody.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tiercache::{Cache, Memory, cached};
use tiercache_tests::Calls;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use super::table::{RUNTIME_ENDS, TWO_RUNTIMES};
use super::{ALONE, measured};

const KEYS: u64 = 50;
const PATIENCE: Duration = Duration::from_secs(20);

#[cached(prefix = "slow", skip(runs, takes))]
async fn slow(id: u64, takes: Duration, runs: Calls) -> u64 {
    runs.hit();
    sleep(takes).await;
    id
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

async fn two_tiers() -> Cache {
    Cache::builder().l2(Memory::new()).l2_deadline(Duration::from_secs(10)).build().await.unwrap()
}

/// Calls for all keys on a new thread with a runtime of its own.
fn calls_elsewhere(cache: &Cache, takes: Duration, runs: &Calls) -> mpsc::Receiver<Duration> {
    let (cache, runs, (tell, told)) = (cache.clone(), runs.clone(), mpsc::channel());
    std::thread::spawn(move || {
        let begun = Instant::now();
        one_thread().block_on(async {
            for value in join_all((0..KEYS).map(|id| cache.scope(slow(id, takes, runs.clone())))).await.iter().zip(0..)
            {
                assert_eq!(*value.0, value.1);
            }
        });
        tell.send(begun.elapsed()).expect("the test waits for it");
    });
    told
}

#[test]
fn a_runtime_shut_down_with_loads_in_flight_holds_up_nobody() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (cache, runs) = (runtime.block_on(two_tiers()), Calls::new());
    for id in 0..KEYS {
        let (cache, runs) = (cache.clone(), runs.clone());
        runtime.spawn(async move { cache.scope(slow(id, PATIENCE * 10, runs)).await });
    }
    runtime.block_on(async {
        while runs.get() < usize::try_from(KEYS).unwrap() {
            sleep(Duration::from_millis(1)).await;
        }
    });
    let waiting = calls_elsewhere(&cache, Duration::ZERO, &runs);
    runtime.shutdown_background();
    let took = waiting.recv_timeout(PATIENCE).expect("those who waited are answered");
    let left = one_thread().block_on(async { timeout(PATIENCE, cache.health()).await.unwrap().loads_in_flight });
    assert_eq!(left, 0);
    measured(RUNTIME_ENDS, format!("{KEYS} loads aborted: {KEYS} waiters answered after {} ms", took.as_millis()));
}

#[test]
fn two_runtimes_share_their_loads() {
    let waiting = one_thread();
    let _alone = waiting.block_on(ALONE.lock());
    let (cache, runs) = (waiting.block_on(two_tiers()), Calls::new());
    let takes = Duration::from_millis(500);
    let both = [0, 1].map(|_| calls_elsewhere(&cache, takes, &runs));
    let took = both.iter().map(|told| told.recv_timeout(PATIENCE).expect("both are answered")).max().unwrap();
    assert_eq!(runs.get(), usize::try_from(KEYS).unwrap());
    measured(TWO_RUNTIMES, format!("{} calls, {KEYS} loads, {} ms for bodies of 500 ms", KEYS * 2, took.as_millis()));
}
