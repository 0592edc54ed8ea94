//! Named caches.

use std::time::Duration;

use tiercache::{Cache, Memory, Named, cached};
use tiercache_tests::Calls;
use tokio::time::advance;

#[cached(cache = "prompt", skip(runs))]
async fn prompt(id: u64, runs: &Calls) -> u64 {
    runs.hit();
    id
}

#[cached(skip(runs))]
async fn other(id: u64, runs: &Calls) -> u64 {
    runs.hit();
    id
}

#[tokio::test(start_paused = true)]
async fn a_named_cache_has_lives_of_its_own() {
    let named = Named::new().max_entries(1_000).l1_ttl(Duration::from_secs(600)).ttl(Duration::from_secs(3_600));
    let builder = Cache::builder().default_ttl(Duration::from_secs(10)).named("prompt", named);
    let (cache, runs) = (builder.build().await.unwrap(), Calls::new());
    cache
        .scope(async {
            prompt(1, &runs).await;
            other(1, &runs).await;
            advance(Duration::from_secs(599)).await;
            prompt(1, &runs).await;
            assert_eq!(runs.get(), 2);
            other(1, &runs).await;
            assert_eq!(runs.get(), 3);
            advance(Duration::from_secs(1)).await;
            prompt(1, &runs).await;
            assert_eq!(runs.get(), 4);
        })
        .await;
    let stats = cache.stats();
    assert_eq!((stats.caches["prompt"].requests, stats.caches["default"].requests), (3, 2));
}

#[tokio::test]
async fn a_named_cache_has_room_of_its_own_and_shares_l2() {
    let l2 = Memory::new();
    let build = || {
        let named = Named::new().max_entries(10);
        Cache::builder().l2(l2.clone()).l2_deadline(Duration::from_secs(10)).named("prompt", named).build()
    };
    let (one, two) = (build().await.unwrap(), build().await.unwrap());
    let runs = Calls::new();
    one.scope(async {
        for id in 0..1_000 {
            prompt(id, &runs).await;
            other(id, &runs).await;
        }
    })
    .await;
    let stats = one.stats();
    assert!(stats.caches["prompt"].l1_entries <= 20, "{stats:?}");
    assert_eq!(stats.caches["default"].l1_entries, 1_000);
    two.scope(prompt(5, &runs)).await;
    assert_eq!(two.stats().caches["prompt"].l2_hits, 1);
}

#[tokio::test]
async fn an_unknown_name_uses_the_default_cache() {
    let (cache, runs) = (super::in_memory().await, Calls::new());
    cache
        .scope(async {
            prompt(1, &runs).await;
            prompt(1, &runs).await;
        })
        .await;
    assert_eq!(runs.get(), 1);
    assert_eq!(cache.stats().caches["default"].requests, 2);
}

#[tokio::test]
async fn mistakes_name_the_setting_and_the_cure() {
    let twice = Cache::builder().named("a", Named::new()).named("a", Named::new());
    let taken = Cache::builder().named("default", Named::new());
    let empty = Cache::builder().named("a", Named::new().max_entries(0));
    let both = Cache::builder().named("a", Named::new().max_entries(1).max_bytes(1));
    let never = Cache::builder().named("a", Named::new().ttl(Duration::ZERO));
    for (builder, says) in [
        (twice, "two caches named `a`"),
        (taken, "two caches named `default`"),
        (empty, "cache `a`"),
        (both, "choose one"),
        (never, "ttl of 0"),
    ] {
        let error = builder.build().await.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
