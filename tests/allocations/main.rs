//! A hit in L1 allocates nothing of its own. A process of its own, because allocations are counted by the global allocator.

use std::sync::Arc;

use allocation_counter::measure;
use futures_util::FutureExt;
use tiercache::{Cache, L1, cached};

const HITS: u64 = 10_000;

#[cached]
async fn number(id: u64, name: &str) -> u64 {
    id + name.len() as u64
}

#[cached]
async fn shared(id: u64) -> Result<Arc<str>, String> {
    Ok(format!("value {id}").into())
}

#[cached(none_ttl = 300)]
async fn absent(id: u64) -> Option<Arc<str>> {
    (id == 0).then(|| "zero".into())
}

#[cached]
async fn text(id: u64) -> String {
    format!("value {id}")
}

/// How many allocations this thread makes in [`HITS`] hits, after as many that are not counted: an engine that has just been
/// written to has that to put in its books.
fn allocations(mut hit: impl FnMut()) -> u64 {
    let mut hits = || (0..HITS).for_each(|_| hit());
    hits();
    measure(hits).count_total
}

/// What a call gives that L1 can answer: it is never pending.
fn at_once<F: Future>(call: F) -> F::Output {
    call.now_or_never().expect("L1 has it")
}

async fn over(l1: L1) -> Cache {
    Cache::builder().l1(l1).build().await.expect("a memory-only cache needs nothing")
}

/// The allocations of hits of each function that returns what can be cloned without one.
async fn of_free_clones() -> [u64; 3] {
    number(1, "one").await;
    assert!(shared(1).await.is_ok());
    absent(1).await;
    [
        allocations(|| assert_eq!(at_once(number(1, "one")), 4)),
        allocations(|| assert!(at_once(shared(1)).is_ok())),
        allocations(|| assert!(at_once(absent(1)).is_none())),
    ]
}

#[tokio::test]
async fn a_hit_in_quick_cache_allocates_nothing() {
    let cache = over(L1::quick_cache()).await;
    cache.install().expect("only this test installs one");
    assert_eq!(of_free_clones().await, [0; 3], "in the installed cache");
    let cache = over(L1::quick_cache()).await;
    assert_eq!(cache.scope(of_free_clones()).await, [0; 3], "in a scope");
}

#[tokio::test]
async fn a_hit_allocates_what_cloning_the_value_does() {
    let cache = over(L1::quick_cache()).await;
    let counted = cache.scope(async {
        text(1).await;
        allocations(|| assert_eq!(at_once(text(1)).len(), 7))
    });
    assert_eq!(counted.await, HITS, "the counter misses some, or a hit makes some");
}

/// mini-moka keeps its own books while it is read: what that takes is no allocation of ours.
#[tokio::test]
async fn a_hit_in_mini_moka_allocates_nothing_beyond_the_engine() {
    let engine = mini_moka::sync::Cache::new(10_000);
    engine.insert(1_u64, Arc::new(4_u64));
    let raw = allocations(|| assert_eq!(engine.get(&1).as_deref(), Some(&4)));
    let cache = over(L1::mini_moka()).await;
    assert_eq!(cache.scope(of_free_clones()).await, [raw; 3]);
}
