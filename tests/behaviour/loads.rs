//! `max_loads` bounds the bodies that run at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tiercache::{Cache, cached};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use tiercache_tests::Calls;

async fn limited(loads: usize) -> Cache {
    Cache::builder().max_loads(loads).build().await.expect("the settings are good")
}

/// A body that says that it runs and waits to be let on.
#[cached(prefix = "slow", skip(runs, gate))]
async fn slow(id: u64, runs: &Calls, gate: &Semaphore) -> u64 {
    runs.hit();
    gate.acquire().await.expect("never closed").forget();
    id
}

#[cached(prefix = "inner")]
async fn inner(id: u64) -> u64 {
    id
}

#[cached(prefix = "outer")]
async fn outer(id: u64) -> u64 {
    inner(id).await + inner(id + 1_000).await
}

#[tokio::test]
async fn no_more_bodies_run_at_once_and_all_get_their_turn() {
    let (cache, runs, gate) = (limited(3).await, Calls::new(), Arc::new(Semaphore::new(0)));
    let calls = (0..10).map(|id| cache.scope(slow(id, &runs, &gate)));
    let mut calls = std::pin::pin!(join_all(calls));
    for let_on in 0..7 {
        assert!(futures_util::poll!(calls.as_mut()).is_pending());
        assert_eq!(runs.get(), 3 + let_on);
        gate.add_permits(1);
    }
    gate.add_permits(3);
    assert_eq!(calls.await, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_its_place() {
    let (cache, runs, gate) = (limited(1).await, Calls::new(), Semaphore::new(0));
    {
        let mut given_up = std::pin::pin!(cache.scope(slow(1, &runs, &gate)));
        assert!(futures_util::poll!(given_up.as_mut()).is_pending());
    }
    gate.add_permits(1);
    assert_eq!(cache.scope(slow(2, &runs, &gate)).await, 2);
}

#[tokio::test]
async fn a_body_inside_another_one_needs_no_place() {
    let cache = limited(1).await;
    assert_eq!(cache.scope(outer(1)).await, 1_002);
}

#[tokio::test]
async fn a_batch_takes_the_place_of_one_body() {
    #[cached(batch(ids, |id| slow_entry(*id)))]
    async fn slow_all(ids: &[u64], runs: &Calls, gate: &Semaphore) -> HashMap<u64, u64> {
        runs.hit();
        gate.acquire().await.expect("never closed").forget();
        ids.iter().map(|id| (*id, *id)).collect()
    }
    let (cache, runs, gate) = (limited(1).await, Calls::new(), Semaphore::new(0));
    let mut single = std::pin::pin!(cache.scope(slow(9, &runs, &gate)));
    assert!(futures_util::poll!(single.as_mut()).is_pending());
    let mut batch = std::pin::pin!(cache.scope(slow_all(&[1, 2, 3], &runs, &gate)));
    assert!(futures_util::poll!(batch.as_mut()).is_pending());
    assert_eq!(runs.get(), 1, "there is no place left");
    gate.add_permits(2);
    assert_eq!(single.await, 9);
    assert_eq!((batch.await.len(), runs.get()), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn bodies_that_wait_for_tasks_that_wait_for_their_place_end_all_the_same() {
    #[cached(skip(cache))]
    async fn apart(id: u64, cache: Cache) -> u64 {
        tiercache_tests::spawn(&cache, inner(id)).await.expect("the task ends")
    }
    let cache = Cache::builder().max_loads(1).wait_limit(Duration::from_secs(5)).build().await.unwrap();
    let begun = Instant::now();
    assert_eq!(cache.scope(apart(1, cache.clone())).await, 1);
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
}
