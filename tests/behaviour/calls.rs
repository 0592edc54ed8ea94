//! One call, handled differently.

use tiercache::{CallExt, Outcome, Source, cached};
use tiercache_tests::Calls;

use super::{in_memory, two_instances};

#[cached(skip(runs))]
async fn count(id: u64, runs: &Calls) -> usize {
    runs.hit()
}

fn source(outcome: Option<Outcome>) -> Source {
    outcome.expect("a cached call was made").source()
}

#[tokio::test]
async fn refreshed_runs_the_body_and_stores_what_it_gives() {
    let (one, two) = two_instances().await;
    let runs = Calls::new();
    assert_eq!(one.scope(count(1, &runs)).await, 1);
    assert_eq!(one.scope(count(1, &runs).refreshed()).await, 2);
    assert_eq!(one.scope(count(1, &runs)).await, 2);
    assert_eq!(two.scope(count(1, &runs)).await, 2, "stored in L2 too");
}

#[tokio::test]
async fn uncached_neither_reads_nor_stores() {
    let (cache, runs) = (in_memory().await, Calls::new());
    assert_eq!(cache.scope(count(1, &runs)).await, 1);
    let (answer, outcome) = cache.scope(count(1, &runs).uncached().with_outcome()).await;
    assert_eq!((answer, source(outcome)), (2, Source::Bypass));
    assert_eq!(cache.scope(count(1, &runs)).await, 1);
    assert_eq!(cache.stats().total.bypassed, 1);
}

#[tokio::test]
async fn the_order_of_adjustments_does_not_matter() {
    let (cache, runs) = (in_memory().await, Calls::new());
    let (_, outcome) = cache.scope(count(1, &runs).with_outcome().uncached()).await;
    assert_eq!(source(outcome), Source::Bypass);
    let (_, outcome) = cache.scope(count(1, &runs).refreshed().with_outcome()).await;
    assert_eq!(source(outcome), Source::Loader);
}

#[tokio::test]
async fn only_the_first_cached_call_is_adjusted() {
    let (cache, runs) = (in_memory().await, Calls::new());
    cache
        .scope(async {
            count(1, &runs).await;
            count(2, &runs).await;
            let both = async { (count(1, &runs).await, count(2, &runs).await) };
            assert_eq!(both.refreshed().await, (3, 2));
        })
        .await;
}

#[tokio::test]
async fn a_cached_call_inside_the_body_is_not_adjusted() {
    #[cached(skip(runs))]
    async fn outer(id: u64, runs: &Calls) -> usize {
        count(id, runs).await
    }
    let (cache, runs) = (in_memory().await, Calls::new());
    cache
        .scope(async {
            assert_eq!(outer(1, &runs).await, 1);
            assert_eq!(outer(1, &runs).refreshed().await, 1, "the inner value is still cached");
        })
        .await;
}

#[tokio::test]
async fn a_future_without_a_cached_call_has_no_outcome() {
    let (answer, outcome) = async { 5 }.with_outcome().await;
    assert_eq!((answer, outcome), (5, None));
}

#[tokio::test]
async fn a_call_without_a_cache_is_a_bypass() {
    // Nothing is installed in a task that the scope does not reach, unless another test has: then it is a loader.
    let runs = Calls::new();
    let (_, outcome) = count(77, &runs).with_outcome().await;
    assert!(matches!(source(outcome), Source::Bypass | Source::Loader));
}

#[tokio::test]
async fn what_is_said_outside_holds_when_an_inner_call_was_none() {
    let (cache, runs) = (in_memory().await, Calls::new());
    let calls = async {
        // No cached call: nothing takes what was said of it.
        async {}.uncached().await;
        count(1, &runs).await
    };
    let (_, outcome) = cache.scope(calls.with_outcome()).await;
    assert_eq!(source(outcome), Source::Loader);
}

#[tokio::test]
async fn what_is_said_outside_is_used_up_by_an_inner_call() {
    let (cache, runs) = (in_memory().await, Calls::new());
    let calls = async {
        count(1, &runs).uncached().await;
        count(1, &runs).await
    };
    let (nth, outcome) = cache.scope(calls.with_outcome()).await;
    assert_eq!((nth, source(outcome)), (2, Source::Bypass));
}
