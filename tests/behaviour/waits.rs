//! How long a call waits for an L2 that is slow: all its operations together, not each of them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tiercache::{Cache, CallExt, Chaos, Memory, Operation, Source, cached};
use tiercache_tests::{Calls, eventually, spawn};
use tokio::sync::Semaphore;

const DEADLINE: Duration = Duration::from_secs(4);
const BUDGET: Duration = Duration::from_secs(6);
/// In time, each by itself, also on a busy machine; two of them are beyond the budget.
const SLOW: Duration = Duration::from_millis(3_200);
const LATE: Duration = Duration::from_secs(20);

#[cached(prefix = "value")]
async fn value(id: u64) -> u64 {
    id
}

#[cached(batch(ids, |id| value_entry(*id)))]
async fn values(ids: &[u64]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, *id)).collect()
}

async fn over(l2: impl Into<tiercache::L2>, deadline: Duration) -> Cache {
    Cache::builder().l2(l2).l2_deadline(deadline).build().await.expect("the settings are good")
}

/// One instance whose L2 can be slow, and one beside it.
async fn pair() -> (Chaos, Cache, Cache) {
    pair_with(DEADLINE).await
}

async fn pair_with(deadline: Duration) -> (Chaos, Cache, Cache) {
    let l2 = Memory::new();
    let chaos = Chaos::over(l2.clone());
    (chaos.clone(), over(chaos, deadline).await, over(l2, deadline).await)
}

async fn source(cache: &Cache, id: u64) -> Source {
    cache.scope(value(id).with_outcome()).await.1.expect("a cached call was made").source()
}

/// Until the other instance finds it in L2.
async fn stored(other: &Cache, ids: std::ops::Range<u64>) {
    for id in ids {
        eventually(async || other.scope(async { value_entry(id).peek().await }).await == Some(id), LATE).await;
    }
}

#[tokio::test]
async fn a_miss_waits_for_half_as_much_again_as_one_deadline_at_most() {
    let (chaos, slow, _) = pair().await;
    chaos.latency(SLOW);
    let begun = Instant::now();
    assert_eq!(source(&slow, 1).await, Source::Loader);
    let took = begun.elapsed();
    // To read, to ask for the lease and to store it would take three times as long as one of them.
    assert!((BUDGET..3 * SLOW).contains(&took), "{took:?}");
    assert_eq!(slow.stats().l2.breaker_opened, 0, "nothing was late by its own deadline");
}

#[tokio::test]
async fn a_store_that_is_not_waited_for_any_more_goes_on() {
    let (chaos, slow, other) = pair().await;
    chaos.only([Operation::Read, Operation::Fill]);
    chaos.latency(SLOW);
    assert_eq!(source(&slow, 1).await, Source::Loader);
    stored(&other, 1..2).await;
}

#[tokio::test]
async fn a_commit_is_waited_for_whatever_its_token_took() {
    let (chaos, slow, other) = pair().await;
    chaos.only([Operation::Claim, Operation::Commit]);
    chaos.latency(SLOW);
    slow.scope(async { value_entry(1).begin_write().await.unwrap().commit(1).await }).await.unwrap();
    assert_eq!(source(&other, 1).await, Source::L2);
}

#[tokio::test]
async fn the_elements_of_a_batch_wait_together() {
    let (chaos, slow, other) = pair().await;
    chaos.latency(Duration::from_secs(1));
    let ids: Vec<u64> = (0..20).collect();
    // Each of them to ask for its lease: that is 20 s, waited for in 1 s.
    assert_eq!(slow.scope(values(&ids)).await.len(), 20);
    stored(&other, 0..20).await;
}

#[tokio::test]
async fn to_wait_for_another_instances_load_is_not_to_wait_for_l2() {
    #[cached(skip(runs, gate))]
    async fn gated(id: u64, runs: Calls, gate: std::sync::Arc<Semaphore>) -> u64 {
        runs.hit();
        gate.acquire().await.expect("never closed").forget();
        id
    }
    let (chaos, slow, other) = pair_with(Duration::from_millis(1_200)).await;
    chaos.latency(Duration::from_millis(300));
    let (runs, gate) = (Calls::new(), std::sync::Arc::new(Semaphore::new(0)));
    let first = spawn(&other, gated(1, runs.clone(), gate.clone()));
    eventually(async || runs.get() == 1, LATE).await;
    let second = spawn(&slow, gated(1, runs.clone(), gate.clone()).with_outcome());
    // Together they take longer than a call may wait for L2.
    eventually(async || slow.stats().total.l2_reads.count >= 8, LATE).await;
    gate.add_permits(2);
    assert_eq!(first.await.unwrap(), 1);
    assert_eq!(second.await.unwrap().1.unwrap().source(), Source::L2);
    assert_eq!(runs.get(), 1);
}
