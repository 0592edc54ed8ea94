//! A refresh behind that fails is not tried again at each hit.

use std::time::Duration;

use tiercache::{CallExt, Memory, Source, cached};
use tiercache_tests::Calls;
use tokio::time::advance;

use super::{in_memory, over};

/// Fails from its second run up to the one before `well`.
fn flaky(runs: &Calls, well: usize) -> Result<usize, String> {
    let run = runs.hit();
    assert!(run != 4, "a panic is a failure too");
    if (2..well).contains(&run) { Err("down".into()) } else { Ok(run) }
}

#[cached(ttl = 60, stale_while_revalidate = 600, skip(runs, well))]
async fn stale(runs: Calls, well: usize) -> Result<usize, String> {
    flaky(&runs, well)
}

#[cached(ttl = 1000, refresh_ahead = 0.06, skip(runs, well))]
async fn ahead(runs: Calls, well: usize) -> Result<usize, String> {
    flaky(&runs, well)
}

async fn secs(secs: u64) {
    advance(Duration::from_secs(secs)).await;
}

/// Calls several times, and lets what was begun behind run; gives what came and from where.
async fn ask<F: Future<Output = Result<usize, String>>>(call: impl Fn() -> F) -> (usize, Source) {
    let mut last = None;
    for _ in 0..5 {
        let (value, outcome) = call().with_outcome().await;
        last = Some((value.unwrap(), outcome.unwrap().source()));
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    last.unwrap()
}

/// From the moment when it is due on.
async fn waits_longer_from_time_to_time(runs: &Calls, given: Source, ask: impl AsyncFn() -> (usize, Source)) {
    assert_eq!(ask().await, (1, given));
    assert_eq!(runs.get(), 2);
    for (run, pause) in [(2, 1), (3, 2), (4, 4), (5, 8), (6, 16), (7, 30), (8, 30)] {
        secs(pause - 1).await;
        assert_eq!(ask().await, (1, given));
        assert_eq!(runs.get(), run, "not before {pause} s");
        secs(1).await;
        ask().await;
        assert_eq!(runs.get(), run + 1, "after {pause} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_value_is_refreshed_after_pauses_that_grow() {
    let (cache, runs) = (in_memory().await, Calls::new());
    let ask = async || ask(|| stale(runs.clone(), 9)).await;
    cache
        .scope(async {
            ask().await;
            secs(60).await;
            waits_longer_from_time_to_time(&runs, Source::Stale, ask).await;
            assert_eq!(ask().await, (9, Source::L1), "the last one went well");
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_fresh_value_is_refreshed_ahead_after_pauses_that_grow() {
    let (cache, runs) = (in_memory().await, Calls::new());
    let ask = async || ask(|| ahead(runs.clone(), 9)).await;
    cache
        .scope(async {
            ask().await;
            secs(60).await;
            waits_longer_from_time_to_time(&runs, Source::L1, ask).await;
            assert_eq!(ask().await, (9, Source::L1), "the last one went well");
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_went_well_ends_the_pauses() {
    let (cache, runs) = (in_memory().await, Calls::new());
    let again = Calls::new();
    cache
        .scope(async {
            ask(|| stale(runs.clone(), 0)).await;
            secs(60).await;
            ask(|| stale(again.clone(), 0)).await;
            assert_eq!(again.get(), 1);
            secs(60).await;
            // The second run of it is to fail; then it is tried after a second again.
            ask(|| stale(again.clone(), 3)).await;
            assert_eq!(again.get(), 2);
            secs(1).await;
            assert_eq!(ask(|| stale(again.clone(), 3)).await, (3, Source::L1));
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn who_finds_nothing_that_may_be_given_loads_at_once() {
    let (cache, runs) = (in_memory().await, Calls::new());
    cache
        .scope(async {
            ask(|| stale(runs.clone(), 9)).await;
            secs(659).await;
            ask(|| stale(runs.clone(), 9)).await;
            assert_eq!(runs.get(), 2);
            secs(1).await;
            assert!(stale(runs.clone(), 9).await.is_err());
            assert_eq!(runs.get(), 3);
        })
        .await;
}

#[tokio::test]
async fn a_stale_value_that_was_found_in_l2_is_put_off_as_well() {
    #[cached(ttl = "100ms", stale_while_revalidate = 600, skip(runs))]
    async fn short(runs: Calls) -> Result<usize, String> {
        flaky(&runs, 4)
    }
    let (l2, runs) = (Memory::new(), Calls::new());
    let (one, two) = (over(&l2).await, over(&l2).await);
    one.scope(short(runs.clone())).await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    // However busy the machine is, from here on no pause comes to its end.
    tokio::time::pause();
    for _ in 0..5 {
        assert_eq!(two.scope(ask(|| short(runs.clone()))).await, (1, Source::Stale));
    }
    assert_eq!(runs.get(), 2);
}
