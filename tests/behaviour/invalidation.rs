//! What an invalidation promises on one instance, and in L2.

use std::time::Duration;

use futures_util::StreamExt;
use tiercache::{Cache, ErrorKind, Key, cached};
use tiercache_tests::Calls;
use tokio::sync::Semaphore;

use super::{in_memory, two_instances};

static GATE: Semaphore = Semaphore::const_new(0);

#[cached(skip(runs), prefix = "gated")]
async fn gated(id: u64, runs: &Calls) -> usize {
    let nth = runs.hit();
    GATE.acquire().await.expect("never closed").forget();
    nth
}

#[tokio::test]
async fn a_load_that_began_before_an_invalidation_is_not_kept() {
    let (cache, runs) = (in_memory().await, Calls::new());
    let mut early = Box::pin(cache.scope(gated(1, &runs)));
    assert!(futures_util::poll!(early.as_mut()).is_pending());
    cache.scope(async { gated_entry(1).invalidate().await }).await.unwrap();
    GATE.add_permits(1);
    assert_eq!(early.await, 1, "the caller gets what it asked for");
    GATE.add_permits(1);
    assert_eq!(cache.scope(gated(1, &runs)).await, 2, "and nobody else does");
}

#[cached(prefix = "user", skip(runs))]
async fn user(id: u64, runs: &Calls) -> u64 {
    runs.hit();
    id
}

#[cached(prefix = "user:profile", skip(runs))]
async fn profile(id: u64, runs: &Calls) -> u64 {
    runs.hit();
    id
}

#[cached(prefix = "users", skip(runs))]
async fn users(id: u64, runs: &Calls) -> u64 {
    runs.hit();
    id
}

/// Calls all three for three ids; gives how many bodies ran.
async fn call_all(cache: &Cache) -> usize {
    let runs = Calls::new();
    cache
        .scope(async {
            for id in 0..3 {
                user(id, &runs).await;
                profile(id, &runs).await;
                users(id, &runs).await;
            }
        })
        .await;
    runs.get()
}

#[tokio::test]
async fn a_prefix_is_invalidated_with_all_below_it_and_nothing_else() {
    let (one, two) = two_instances().await;
    assert_eq!((call_all(&one).await, call_all(&one).await), (9, 0));
    one.invalidate_prefix("user").await.unwrap();
    assert_eq!(call_all(&one).await, 6);
    assert_eq!(call_all(&two).await, 0, "refilled in L2");
    one.invalidate_pattern("user:*").await.unwrap();
    two.clear_l1();
    assert_eq!(call_all(&two).await, 6, "gone from L2");
}

#[tokio::test]
async fn clear_concerns_the_whole_namespace_and_no_other() {
    let l2 = tiercache::Memory::new();
    let build = |namespace: &'static str| {
        Cache::builder().namespace(namespace).l2(l2.clone()).l2_deadline(Duration::from_secs(10)).build()
    };
    let (shop, blog) = (build("shop").await.unwrap(), build("blog").await.unwrap());
    assert_eq!((call_all(&shop).await, call_all(&blog).await), (9, 9));
    shop.clear().await.unwrap();
    blog.clear_l1();
    assert_eq!((call_all(&shop).await, call_all(&blog).await), (9, 0));
}

#[tokio::test]
async fn prefixes_are_invalidated_in_memory_alone_too() {
    let cache = in_memory().await;
    assert_eq!(call_all(&cache).await, 9);
    cache.invalidate_prefix("user").await.unwrap();
    assert_eq!(call_all(&cache).await, 6);
    cache.clear().await.unwrap();
    assert_eq!(call_all(&cache).await, 9);
}

#[tokio::test]
async fn many_keys_are_invalidated_at_once() {
    let (one, two) = two_instances().await;
    let keys: Vec<Key> = (0..100).map(|id| Key::new("batch", &id).unwrap()).collect();
    for key in &keys {
        one.set(key, &1_u64, &tiercache::Policy::new()).await.unwrap();
    }
    one.invalidate_many(&keys[..99]).await.unwrap();
    assert_eq!(two.get::<u64>(&keys[0]).await, None);
    assert_eq!(two.get::<u64>(&keys[99]).await, Some(1));
}

#[tokio::test]
async fn the_keys_of_a_pattern_are_listed() {
    let (cache, _) = two_instances().await;
    call_all(&cache).await;
    let keys = |pattern: &'static str| {
        let cache = cache.clone();
        async move {
            let mut keys: Vec<String> = cache.keys(pattern).map(Result::unwrap).collect().await;
            keys.sort();
            keys.dedup();
            keys
        }
    };
    assert_eq!((keys("user:*").await.len(), keys("users").await.len(), keys("*").await.len()), (6, 3, 9));
    assert!(keys("user").await.iter().all(|key| key.starts_with("tiercache:user:")));
    assert_eq!(in_memory().await.keys("*").count().await, 0);
}

#[tokio::test]
async fn a_bad_prefix_is_refused_with_what_is_allowed() {
    let error = in_memory().await.invalidate_prefix("us er").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("' '") || error.to_string().contains("` `"), "{error}");
}
