//! The numbers, and that they add up.

use std::time::Duration;

use futures_util::FutureExt;
use tiercache::{CallExt, Counts, cached};
use tiercache_tests::Calls;
use tokio::time::sleep;

use super::{in_memory, two_instances};

#[cached(prefix = "stat", skip(runs))]
async fn slow(id: u64, runs: Calls) -> Result<u64, String> {
    runs.hit();
    sleep(Duration::from_millis(20)).await;
    if id == 13 { Err("unlucky".into()) } else { Ok(id) }
}

fn sum(counts: &Counts) -> u64 {
    counts.l1_hits
        + counts.l2_hits
        + counts.loads_led
        + counts.joined
        + counts.bypassed
        + counts.stale
        + counts.abandoned
}

#[tokio::test]
async fn every_request_ends_in_one_way() {
    let (one, two) = two_instances().await;
    let runs = Calls::new();
    let calls = async |cache: &tiercache::Cache| {
        cache
            .scope(async {
                let (a, b) = (slow(1, runs.clone()), slow(1, runs.clone()));
                let _ = futures_util::join!(cache.scope(a), cache.scope(b));
                let _ = slow(1, runs.clone()).await;
                let _ = slow(1, runs.clone()).uncached().await;
                let _ = slow(13, runs.clone()).await;
                // Dropped after one poll.
                let _ = slow(2, runs.clone()).now_or_never();
            })
            .await;
    };
    calls(&one).await;
    calls(&two).await;
    let (one, two) = (one.stats().total, two.stats().total);
    assert_eq!((one.requests, sum(&one)), (6, 6), "{one:?}");
    assert_eq!((one.loads_led, one.joined, one.l1_hits, one.bypassed, one.abandoned), (2, 1, 1, 1, 1), "{one:?}");
    assert_eq!((one.load_errors, one.stores), (1, 1), "{one:?}");
    assert_eq!((two.requests, two.l2_hits, two.loads_led), (6, 1, 1), "{two:?}");
    assert!(two.l2_reads.count >= 2 && two.loads.p50 >= Duration::from_millis(18), "{two:?}");
}

#[tokio::test]
async fn numbers_are_kept_by_function_prefix_and_cache() {
    let (cache, runs) = (in_memory().await, Calls::new());
    cache.scope(async { (slow(1, runs.clone()).await, slow(1, runs.clone()).await) }).await.0.unwrap();
    let stats = cache.stats();
    let (function, counts) = stats.functions.first_key_value().unwrap();
    assert!(function.ends_with("statistics::slow"), "{function}");
    for counts in [counts, &stats.prefixes["stat"], &stats.caches["default"], &stats.total] {
        assert_eq!((counts.requests, counts.l1_hits, counts.l1_entries), (2, 1, 1));
        assert!((counts.hit_ratio() - 0.5).abs() < 1e-9);
        assert!(counts.l1_bytes > 0);
    }
    let json = serde_json::to_value(&stats).unwrap();
    assert_eq!(json["total"]["requests"], 2);
}

#[tokio::test]
async fn entries_and_bytes_go_back_to_zero() {
    let (cache, runs) = (in_memory().await, Calls::new());
    for id in 0..50 {
        cache.scope(slow(100 + id, runs.clone())).await.unwrap();
        cache.scope(async { slow_entry(100 + id).invalidate().await }).await.unwrap();
    }
    let total = cache.stats().total;
    assert_eq!((total.l1_entries, total.l1_bytes, total.invalidations, total.evictions), (0, 0, 50, 0));
}
