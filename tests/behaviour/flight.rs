//! One load per key, however many callers wait and whatever becomes of the first one.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tiercache::{Cache, CallExt, Source, cached};
use tiercache_tests::{Calls, eventually, spawn};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::in_memory;

#[cached(skip(runs))]
async fn slow(id: u64, runs: Calls) -> u64 {
    runs.hit();
    sleep(Duration::from_millis(200)).await;
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_callers_of_a_cold_key_run_the_body_once() {
    let (cache, runs) = (in_memory().await, Calls::new());
    let callers: Vec<_> = (0..10_000).map(|_| spawn(&cache, slow(1, runs.clone()))).collect();
    for answer in join_all(callers).await {
        assert_eq!(answer.unwrap(), 1);
    }
    assert_eq!(runs.get(), 1);
    let total = cache.stats().total;
    assert_eq!((total.requests, total.loads_led), (10_000, 1));
    assert_eq!(total.joined + total.l1_hits, 9_999);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_first_caller_goes_away_another_one_takes_over() {
    #[cached(skip(runs))]
    async fn hangs_once(id: u64, runs: Calls) -> u64 {
        if runs.hit() == 1 {
            std::future::pending::<()>().await;
        }
        sleep(Duration::from_millis(200)).await;
        id
    }
    let (cache, runs, arrived) = (in_memory().await, Calls::new(), Calls::new());
    let first = spawn(&cache, hangs_once(1, runs.clone()));
    eventually(|| async { runs.get() == 1 }, Duration::from_secs(10)).await;
    let arrive = |runs: Calls, arrived: Calls| async move {
        arrived.hit();
        hangs_once(1, runs).await
    };
    let others: Vec<_> = (0..10_000).map(|_| spawn(&cache, arrive(runs.clone(), arrived.clone()))).collect();
    // All wait, so that a busy machine is not taken for a leader that went away.
    eventually(|| async { arrived.get() == 10_000 }, Duration::from_secs(10)).await;
    first.abort();
    for answer in join_all(others).await {
        assert_eq!(answer.unwrap(), 1);
    }
    assert_eq!(runs.get(), 2);
    assert_eq!(cache.health().await.loads_in_flight, 0);
}

#[tokio::test]
async fn a_first_caller_that_is_no_longer_polled_is_replaced() {
    #[cached(skip(gate, runs))]
    async fn gated(id: u64, gate: Arc<Notify>, runs: Calls) -> u64 {
        if runs.hit() == 1 {
            gate.notified().await;
        }
        id
    }
    let (cache, runs, gate) = (in_memory().await, Calls::new(), Arc::new(Notify::new()));
    let mut parked = Box::pin(cache.scope(gated(1, Arc::clone(&gate), runs.clone())));
    assert!(futures_util::poll!(parked.as_mut()).is_pending());
    let waiter = cache.scope(gated(1, Arc::clone(&gate), runs.clone()));
    // Woken, and never polled again until the waiter has its answer.
    gate.notify_one();
    assert_eq!(timeout(Duration::from_secs(5), waiter).await.expect("the waiter takes over"), 1);
    assert_eq!(runs.get(), 2);
    assert_eq!(parked.await, 1);
}

#[tokio::test]
async fn a_panic_of_the_body_is_its_callers_and_the_next_call_is_fine() {
    #[cached(skip(runs))]
    async fn panics_once(id: u64, runs: Calls) -> u64 {
        let nth = runs.hit();
        tokio::task::yield_now().await;
        assert!(nth > 1, "the first run fails");
        id
    }
    let (cache, runs) = (in_memory().await, Calls::new());
    let first = spawn(&cache, panics_once(1, runs.clone()));
    let second = spawn(&cache, panics_once(1, runs.clone()));
    assert!(first.await.unwrap_err().is_panic());
    assert_eq!(second.await.unwrap(), 1);
    assert_eq!(cache.scope(panics_once(1, runs.clone())).await, 1);
    assert_eq!(runs.get(), 2);
}

#[tokio::test]
async fn a_failure_is_shared_by_those_who_waited_when_it_can_be_cloned() {
    #[cached(skip(runs))]
    async fn fails(id: u64, runs: &Calls) -> Result<u64, String> {
        runs.hit();
        tokio::task::yield_now().await;
        Err(format!("no {id}"))
    }
    let (cache, runs) = (in_memory().await, Calls::new());
    let answers = cache.scope(async { join_all((0..50).map(|_| cache.scope(fails(1, &runs)))).await }).await;
    assert!(answers.iter().all(|answer| *answer == Err("no 1".into())));
    assert_eq!(runs.get(), 1);
    let total = cache.stats().total;
    assert_eq!((total.joined, total.load_errors, total.l1_entries), (49, 1, 0));
    assert_eq!(cache.scope(fails(1, &runs)).await, Err("no 1".into()));
    assert_eq!(runs.get(), 2, "a failure is not kept");
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_cannot_be_cloned_sends_those_who_waited_on_their_own_way_at_once() {
    #[derive(Debug)]
    struct Own;
    #[cached(skip(runs))]
    async fn fails(id: u64, runs: &Calls) -> Result<u64, Own> {
        runs.hit();
        sleep(Duration::from_millis(50)).await;
        Err(Own)
    }
    let (cache, runs) = (in_memory().await, Calls::new());
    let started = Instant::now();
    let answers = join_all((0..40).map(|_| cache.scope(fails(1, &runs)))).await;
    assert!(answers.iter().all(Result::is_err));
    assert_eq!(runs.get(), 40);
    // One load, then all others side by side: in a queue it would be 2 s.
    assert!(started.elapsed() < Duration::from_millis(200), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_caller_that_has_waited_for_long_runs_its_own_body() {
    #[cached(skip(runs))]
    async fn hangs_once(id: u64, runs: &Calls) -> u64 {
        if runs.hit() == 1 {
            std::future::pending::<()>().await;
        }
        id
    }
    let cache = Cache::builder().wait_limit(Duration::from_millis(200)).build().await.unwrap();
    let runs = Calls::new();
    let mut hung = Box::pin(cache.scope(hangs_once(1, &runs)));
    assert!(futures_util::poll!(hung.as_mut()).is_pending());
    let (answer, outcome) =
        timeout(Duration::from_secs(5), cache.scope(hangs_once(1, &runs).with_outcome())).await.unwrap();
    assert_eq!((answer, outcome.unwrap().source()), (1, Source::Loader));
}

#[tokio::test]
async fn a_function_that_calls_itself_with_the_same_key_does_not_wait_for_itself() {
    #[cached(skip(depth))]
    async fn itself(id: u64, depth: u32) -> u64 {
        if depth == 0 { id } else { Box::pin(itself(id, depth - 1)).await }
    }
    let cache = in_memory().await;
    assert_eq!(timeout(Duration::from_secs(5), cache.scope(itself(1, 3))).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn loads_of_different_keys_do_not_wait_for_each_other() {
    let (cache, runs) = (in_memory().await, Calls::new());
    let started = Instant::now();
    let answers = join_all((0..500).map(|id| cache.scope(slow(id, runs.clone())))).await;
    assert_eq!(answers, (0..500).collect::<Vec<_>>());
    assert_eq!(runs.get(), 500);
    assert!(started.elapsed() < Duration::from_millis(400), "{:?}", started.elapsed());
}
