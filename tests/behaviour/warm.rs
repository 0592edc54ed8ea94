//! Warming up: bounded, told, counted, and ended by a drop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tiercache::{CallExt, Source, cached};
use tiercache_tests::Calls;
use tokio::sync::Notify;

use super::in_memory;

/// How many run now, and how many did at most.
#[derive(Clone, Default)]
struct Running(Arc<(AtomicUsize, AtomicUsize)>);

impl Running {
    fn enter(&self) -> Inside {
        let now = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.1.fetch_max(now, Ordering::SeqCst);
        Inside(self.clone())
    }

    fn now(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

/// Leaves when it is dropped.
struct Inside(Running);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cached(skip(running))]
async fn slow(id: u64, running: Running) -> u64 {
    let _inside = running.enter();
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    id
}

#[cached(skip(runs))]
async fn counted(id: u64, runs: Calls) -> Result<u64, String> {
    runs.hit();
    if id.is_multiple_of(5) { Err(format!("{id} is not to be had")) } else { Ok(id) }
}

#[tokio::test]
async fn no_more_calls_run_at_a_time_than_asked_for() {
    for (concurrency, most) in [(3, 3), (0, 1)] {
        let (cache, running) = (in_memory().await, Running::default());
        let calls = (0..20).map(|id| slow(id, running.clone()));
        assert_eq!(cache.warm(calls).concurrency(concurrency).await.done, 20);
        assert_eq!((running.most(), running.now()), (most, 0));
    }
}

#[tokio::test]
async fn what_was_warmed_is_in_this_cache_and_is_not_loaded_twice() {
    let (cache, runs) = (in_memory().await, Calls::new());
    for _ in 0..2 {
        let _ = cache.warm((1..5).map(|id| counted(id, runs.clone()))).await;
    }
    assert_eq!(runs.get(), 4);
    let (_, outcome) = cache.scope(counted(1, runs.clone()).with_outcome()).await;
    assert_eq!(outcome.unwrap().source(), Source::L1);
}

#[tokio::test]
async fn progress_is_told_call_by_call_with_failures_and_the_total() {
    let (cache, runs) = (in_memory().await, Calls::new());
    let mut told = Vec::new();
    let warm = cache.warm((1..=10).map(|id| counted(id, runs.clone())));
    let last = warm.failed_if(Result::is_err).progress(|progress| told.push(progress)).await;
    assert_eq!((last.done, last.failed, last.total), (10, 2, Some(10)));
    assert!(told.iter().map(|progress| progress.done).eq(1..=10) && told.last() == Some(&last), "{told:?}");
    // Nobody says what a failure is, and the iterator does not know its length.
    let last = cache.warm((1..=10).filter(|id| id % 2 == 0).map(|id| counted(id, runs.clone()))).await;
    assert_eq!((last.done, last.failed, last.total), (5, 0, None));
}

#[tokio::test]
async fn a_warm_up_that_is_dropped_makes_no_more_calls() {
    let (cache, running, gate) = (in_memory().await, Running::default(), Arc::new(Notify::new()));
    let calls = (0..20).map(|_| {
        let (running, gate) = (running.clone(), Arc::clone(&gate));
        async move {
            let _inside = running.enter();
            gate.notified().await;
        }
    });
    let mut warm = Box::pin(cache.warm(calls).concurrency(4));
    assert!(futures_util::poll!(warm.as_mut()).is_pending());
    assert_eq!(running.now(), 4);
    drop(warm);
    assert_eq!((running.now(), running.most()), (0, 4));
}

#[tokio::test]
async fn a_warm_up_of_hits_lets_other_tasks_run() {
    let (cache, runs) = (in_memory().await, Calls::new());
    let mut warm = Box::pin(cache.warm((0..1_000).map(|_| std::future::ready(runs.hit()))));
    assert!(futures_util::poll!(warm.as_mut()).is_pending());
    assert!(runs.get() < 1_000);
    assert_eq!(warm.await.done, 1_000);
}
