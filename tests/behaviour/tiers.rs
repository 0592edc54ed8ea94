//! L1, then L2, then the body.

use std::time::Duration;

use tiercache::{Cache, CallExt, L1, Source, cached};
use tiercache_tests::Calls;
use tokio::time::advance;

use super::{User, in_memory, over, two_instances};

async fn source<T>(call: impl Future<Output = T>) -> Source {
    call.with_outcome().await.1.expect("a cached call was made").source()
}

#[tokio::test]
async fn the_first_call_runs_the_body_and_the_next_ones_do_not() {
    let runs = Calls::new();
    in_memory()
        .await
        .scope(async {
            assert_eq!(find_one(7, &runs).await, User::new(7));
            assert_eq!(find_one(7, &runs).await, User::new(7));
            assert_eq!(source(find_one(7, &runs)).await, Source::L1);
        })
        .await;
    assert_eq!(runs.get(), 1);
}

#[cached(skip(runs))]
async fn find_one(id: u64, runs: &Calls) -> User {
    runs.hit();
    User::new(id)
}

#[tokio::test]
async fn another_instance_finds_the_value_in_l2_and_keeps_a_copy() {
    let (one, two) = two_instances().await;
    let runs = Calls::new();
    assert_eq!(one.scope(source(find_one(7, &runs))).await, Source::Loader);
    assert_eq!(two.scope(source(find_one(7, &runs))).await, Source::L2);
    assert_eq!(two.scope(source(find_one(7, &runs))).await, Source::L1);
    assert_eq!(two.scope(find_one(7, &runs)).await, User::new(7));
    assert_eq!(runs.get(), 1);
}

#[tokio::test]
async fn dropping_l1_leaves_l2() {
    let (one, _) = two_instances().await;
    let runs = Calls::new();
    one.scope(find_one(7, &runs)).await;
    one.clear_l1();
    assert_eq!(one.scope(source(find_one(7, &runs))).await, Source::L2);
}

#[tokio::test(start_paused = true)]
async fn a_value_expires_to_the_moment() {
    #[cached(ttl = "90s", skip(runs))]
    async fn find(id: u64, runs: &Calls) -> User {
        runs.hit();
        User::new(id)
    }
    let runs = Calls::new();
    in_memory()
        .await
        .scope(async {
            find(1, &runs).await;
            advance(Duration::from_millis(89_999)).await;
            assert_eq!(source(find(1, &runs)).await, Source::L1);
            advance(Duration::from_millis(1)).await;
            assert_eq!(source(find(1, &runs)).await, Source::Loader);
        })
        .await;
    assert_eq!(runs.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_copy_in_memory_lives_shorter_than_the_value() {
    #[cached(ttl = 300, l1_ttl = 30, skip(runs))]
    async fn find(id: u64, runs: &Calls) -> User {
        runs.hit();
        User::new(id)
    }
    let runs = Calls::new();
    let cache = over(&tiercache::Memory::new()).await;
    cache
        .scope(async {
            find(1, &runs).await;
            advance(Duration::from_secs(29)).await;
            assert_eq!(source(find(1, &runs)).await, Source::L1);
            advance(Duration::from_secs(1)).await;
            assert_eq!(source(find(1, &runs)).await, Source::L2);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn with_an_l2_copies_in_memory_live_a_minute_if_nothing_is_said() {
    let runs = Calls::new();
    let cache = over(&tiercache::Memory::new()).await;
    cache
        .scope(async {
            find_one(1, &runs).await;
            advance(Duration::from_secs(59)).await;
            assert_eq!(source(find_one(1, &runs)).await, Source::L1);
            advance(Duration::from_secs(1)).await;
            assert_eq!(source(find_one(1, &runs)).await, Source::L2);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_promoted_copy_lives_no_longer_than_the_value_it_is_of() {
    #[cached(ttl = "200ms", skip(runs))]
    async fn find(id: u64, runs: &Calls) -> User {
        runs.hit();
        User::new(id)
    }
    let runs = Calls::new();
    let (one, two) = two_instances().await;
    one.scope(find(1, &runs)).await;
    assert_eq!(two.scope(source(find(1, &runs))).await, Source::L2);
    // L2 counts real time, of which hardly any has passed: without what is left in L2, the copy would live another 60 s.
    advance(Duration::from_millis(200)).await;
    let runs_before = runs.get();
    let after = two.scope(source(find(1, &runs))).await;
    assert_ne!(after, Source::L1);
    assert!(runs.get() - runs_before <= 1);
}

#[tokio::test]
async fn without_a_memory_tier_every_call_reads_l2() {
    let l2 = tiercache::Memory::new();
    let deadline = Duration::from_secs(10);
    let cache = Cache::builder().l1(L1::disabled()).l2(l2).l2_deadline(deadline).build().await.unwrap();
    let runs = Calls::new();
    cache
        .scope(async {
            assert_eq!(source(find_one(1, &runs)).await, Source::Loader);
            assert_eq!(source(find_one(1, &runs)).await, Source::L2);
            assert_eq!(source(find_one(1, &runs)).await, Source::L2);
        })
        .await;
}

#[tokio::test]
async fn both_engines_hold_no_more_than_their_bound() {
    #[cached(ttl = 60)]
    async fn find(id: u64) -> u64 {
        id
    }
    for l1 in [L1::mini_moka(), L1::quick_cache()] {
        let cache = Cache::builder().l1(l1.max_entries(100)).build().await.unwrap();
        cache
            .scope(async {
                for id in 0..5_000 {
                    find(id).await;
                }
            })
            .await;
        let total = cache.stats().total;
        assert!(total.l1_entries <= 200, "{total:?}");
        assert_eq!(total.l1_entries + total.evictions, 5_000, "{total:?}");
    }
}

#[tokio::test]
async fn a_bound_in_bytes_counts_the_size_of_values() {
    #[cached(ttl = 60)]
    async fn page(id: u64) -> Vec<u8> {
        vec![u8::try_from(id % 256).unwrap_or(0); 10_000]
    }
    for l1 in [L1::mini_moka(), L1::quick_cache()] {
        let cache = Cache::builder().l1(l1.max_bytes(1_000_000)).build().await.unwrap();
        cache
            .scope(async {
                for id in 0..1_000 {
                    page(id).await;
                }
            })
            .await;
        let total = cache.stats().total;
        assert!((10..=200).contains(&total.l1_entries), "{total:?}");
        assert!((100_000..=2_000_000).contains(&total.l1_bytes), "{total:?}");
    }
}
