//! Values past their lives: when they are given, and when never.

use std::time::Duration;

use tiercache::{Cache, CallExt, Memory, Source, cached};
use tiercache_tests::Calls;
use tokio::time::advance;

use super::{in_memory, over};

/// Fails from the second run on.
#[cached(ttl = 60, stale_if_error = 600, skip(runs))]
async fn flaky(id: u64, runs: &Calls) -> Result<u64, String> {
    if runs.hit() == 1 { Ok(id) } else { Err("down".into()) }
}

/// Gives the number of its run.
#[cached(ttl = 60, stale_while_revalidate = 30, skip(runs))]
async fn numbered(id: u64, runs: Calls) -> usize {
    let _ = id;
    runs.hit()
}

async fn secs(secs: u64) {
    advance(Duration::from_secs(secs)).await;
}

/// Lets tasks that were spawned run as far as they come by themselves.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

async fn source<F: Future>(call: F) -> (F::Output, Source) {
    let (output, outcome) = call.with_outcome().await;
    (output, outcome.expect("a cached call was made").source())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_is_answered_with_what_is_kept_for_that_until_its_window_ends() {
    let (cache, runs) = (in_memory().await, Calls::new());
    cache
        .scope(async {
            assert_eq!(source(flaky(1, &runs)).await, (Ok(1), Source::Loader));
            secs(60).await;
            assert_eq!(source(flaky(1, &runs)).await, (Ok(1), Source::Stale));
            secs(599).await;
            assert_eq!(source(flaky(1, &runs)).await, (Ok(1), Source::Stale));
            assert_eq!(runs.get(), 3, "the body is tried each time");
            secs(1).await;
            assert_eq!(source(flaky(1, &runs)).await, (Err("down".into()), Source::Loader));
        })
        .await;
    let total = cache.stats().total;
    assert_eq!((total.requests, total.stale, total.loads_led, total.load_errors), (4, 2, 2, 3));
}

#[tokio::test(start_paused = true)]
async fn an_explicit_invalidation_leaves_nothing_stale_to_give() {
    for how in ["entry", "prefix", "clear"] {
        let (cache, runs) = (in_memory().await, Calls::new());
        cache
            .scope(async {
                flaky(1, &runs).await.unwrap();
                secs(60).await;
                match how {
                    "entry" => flaky_entry(1).invalidate().await.unwrap(),
                    "prefix" => cache.invalidate_prefix("flaky").await.unwrap(),
                    _ => cache.clear().await.unwrap(),
                }
                assert!(flaky(1, &runs).await.is_err(), "{how}");
            })
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_invalidated_while_the_body_runs_is_not_given_when_it_fails() {
    #[cached(ttl = 60, stale_if_error = 600, skip(runs))]
    async fn invalidates_itself(runs: &Calls) -> Result<u64, String> {
        if runs.hit() == 1 {
            return Ok(1);
        }
        invalidates_itself_entry().invalidate().await.unwrap();
        Err("down".into())
    }
    let (cache, runs) = (in_memory().await, Calls::new());
    cache
        .scope(async {
            invalidates_itself(&runs).await.unwrap();
            secs(60).await;
            assert!(invalidates_itself(&runs).await.is_err());
        })
        .await;
}

#[tokio::test]
async fn a_stale_value_of_l2_is_given_by_other_instances_and_not_when_its_stamp_is_dead() {
    #[cached(ttl = "200ms", stale_if_error = 600, skip(runs))]
    async fn short(id: u64, runs: &Calls) -> Result<u64, String> {
        if runs.hit() == 1 { Ok(id) } else { Err("down".into()) }
    }
    let (l2, runs) = (Memory::new(), Calls::new());
    let (one, two, three) = (over(&l2).await, over(&l2).await, over(&l2).await);
    one.scope(short(1, &runs)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(two.scope(source(short(1, &runs))).await, (Ok(1), Source::Stale));
    one.invalidate_prefix("short").await.unwrap();
    assert!(three.scope(short(1, &runs)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_stale_value_is_given_at_once_and_refreshed_behind_once() {
    let (cache, runs) = (in_memory().await, Calls::new());
    cache
        .scope(async {
            assert_eq!(numbered(1, runs.clone()).await, 1);
            secs(60).await;
            for _ in 0..5 {
                assert_eq!(source(numbered(1, runs.clone())).await, (1, Source::Stale));
            }
            settle().await;
            assert_eq!(source(numbered(1, runs.clone())).await, (2, Source::L1));
            assert_eq!(runs.get(), 2);
            secs(90).await;
            assert_eq!(source(numbered(1, runs.clone())).await, (3, Source::Loader), "past its window");
        })
        .await;
    assert_eq!(cache.stats().total.stale, 5);
}

#[tokio::test]
async fn a_stale_value_of_l2_is_given_at_once_and_refreshed_for_all() {
    #[cached(ttl = "200ms", stale_while_revalidate = 600, skip(runs))]
    async fn short(id: u64, runs: Calls) -> usize {
        let _ = id;
        runs.hit()
    }
    let (l2, runs) = (Memory::new(), Calls::new());
    let (one, two) = (over(&l2).await, over(&l2).await);
    one.scope(short(1, runs.clone())).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(two.scope(source(short(1, runs.clone()))).await, (1, Source::Stale));
    let refreshed = || async { two.stats().total.stores == 1 };
    tiercache_tests::eventually(refreshed, Duration::from_secs(10)).await;
    assert_eq!(runs.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_never_brings_back_what_was_invalidated_meanwhile() {
    #[cached(ttl = 60, stale_while_revalidate = 30, skip(runs))]
    async fn slow(id: u64, runs: Calls) -> usize {
        let _ = id;
        let run = runs.hit();
        tokio::time::sleep(Duration::from_secs(1)).await;
        run
    }
    let (cache, runs) = (in_memory().await, Calls::new());
    cache
        .scope(async {
            slow(1, runs.clone()).await;
            secs(60).await;
            slow(1, runs.clone()).await;
            settle().await;
            assert_eq!(runs.get(), 2, "the refresh is under way");
            slow_entry(1).invalidate().await.unwrap();
            secs(2).await;
            settle().await;
            assert_eq!(slow_entry(1).peek().await, None);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_hot_key_is_refreshed_before_it_expires() {
    #[cached(ttl = 100, refresh_ahead = 0.8, skip(runs))]
    async fn hot(id: u64, runs: Calls) -> usize {
        let _ = id;
        runs.hit()
    }
    let (cache, runs) = (in_memory().await, Calls::new());
    cache
        .scope(async {
            hot(1, runs.clone()).await;
            secs(79).await;
            hot(1, runs.clone()).await;
            settle().await;
            assert_eq!(runs.get(), 1);
            secs(1).await;
            assert_eq!(source(hot(1, runs.clone())).await, (1, Source::L1));
            settle().await;
            assert_eq!(runs.get(), 2);
            secs(50).await;
            assert_eq!(source(hot(1, runs.clone())).await, (2, Source::L1));
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn by_auto_a_key_is_refreshed_the_earlier_the_longer_its_load_takes() {
    #[cached(ttl = 100, refresh_ahead = "auto", skip(load, runs))]
    async fn hot(id: u64, load: u64, runs: Calls) -> usize {
        tokio::time::sleep(Duration::from_secs(load)).await;
        let _ = id;
        runs.hit()
    }
    let (cache, slow, quick) = (in_memory().await, Calls::new(), Calls::new());
    cache
        .scope(async {
            for id in 0..200 {
                futures_util::join!(
                    cache.scope(hot(id, 10, slow.clone())),
                    cache.scope(hot(1_000 + id, 0, quick.clone()))
                );
                secs(85).await;
                futures_util::join!(
                    cache.scope(hot(id, 0, slow.clone())),
                    cache.scope(hot(1_000 + id, 0, quick.clone()))
                );
                settle().await;
            }
        })
        .await;
    // With a load time of 10 s and 15 s left, e^-1.5 of them: 45, give or take six standard deviations. Without load time, none.
    assert!((210..280).contains(&slow.get()), "{}", slow.get());
    assert_eq!(quick.get(), 200);
}

#[tokio::test]
async fn a_load_that_used_a_stale_value_is_not_stored_in_l2() {
    #[cached(ttl = "100ms", stale_if_error = 600, skip(runs))]
    async fn inner(runs: &Calls) -> Result<usize, String> {
        if runs.hit() == 1 { Ok(1) } else { Err("down".into()) }
    }
    #[cached(ttl = 600, skip(runs))]
    async fn middle(runs: &Calls) -> Result<usize, String> {
        inner(runs).await
    }
    #[cached(ttl = 600, skip(runs))]
    async fn outer(runs: &Calls) -> Result<usize, String> {
        middle(runs).await
    }
    let (l2, runs) = (Memory::new(), Calls::new());
    let (one, two) = (over(&l2).await, over(&l2).await);
    one.scope(inner(&runs)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(one.scope(outer(&runs)).await, Ok(1));
    let found = two.scope(async { (outer_entry().peek().await, middle_entry().peek().await) }).await;
    assert_eq!(found, (None, None));
    assert_eq!(one.scope(async { outer_entry().peek().await }).await, Some(1), "memory has it");
}

#[tokio::test(start_paused = true)]
async fn a_cache_can_keep_stale_values_by_default() {
    #[cached(ttl = 60, skip(runs))]
    async fn plain(id: u64, runs: &Calls) -> Result<u64, String> {
        if runs.hit() == 1 { Ok(id) } else { Err("down".into()) }
    }
    let cache = Cache::builder().stale_if_error(Duration::from_secs(600)).build().await.unwrap();
    let runs = Calls::new();
    cache
        .scope(async {
            plain(1, &runs).await.unwrap();
            secs(100).await;
            assert_eq!(source(plain(1, &runs)).await, (Ok(1), Source::Stale));
        })
        .await;
}
