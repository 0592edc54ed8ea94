//! Loads under way while their value is invalidated, set or refreshed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use futures_util::FutureExt;
use tiercache::{Cache, CallExt, Chaos, Key, Memory, Operation, Policy, cached};
use tiercache_tests::Calls;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{in_memory, two_instances};

/// One row, which is read at once and told late: when the gate is opened.
#[derive(Clone, Debug)]
struct Row {
    value: Arc<AtomicU64>,
    reads: Calls,
    gate: Arc<Semaphore>,
}

impl Row {
    fn of(value: u64) -> Self {
        Self { value: Arc::new(value.into()), reads: Calls::new(), gate: Arc::new(Semaphore::new(0)) }
    }

    async fn read(&self) -> u64 {
        let value = self.value.load(SeqCst);
        self.reads.hit();
        self.gate.acquire().await.expect("never closed").forget();
        value
    }

    /// A load that has read the row, and waits at the gate.
    async fn begin_load(&self, cache: &Cache) -> JoinHandle<u64> {
        let (cache, row, before) = (cache.clone(), self.clone(), self.reads.get());
        let load = tokio::spawn(async move { cache.scope(find(1, &row)).await });
        while self.reads.get() == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        load
    }

    async fn end_load(&self, load: JoinHandle<u64>) -> u64 {
        self.gate.add_permits(1);
        load.await.expect("it does not panic")
    }
}

#[cached(prefix = "row", skip(row))]
async fn find(id: u64, row: &Row) -> u64 {
    row.read().await
}

/// Calls with the gate open.
async fn call(cache: &Cache, row: &Row) -> u64 {
    let open = Row { gate: Arc::new(Semaphore::new(1)), ..row.clone() };
    timeout(Duration::from_secs(5), cache.scope(find(1, &open))).await.expect("nobody waits for an older load")
}

#[tokio::test]
async fn nobody_who_comes_after_the_invalidation_of_a_group_joins_an_older_load() {
    for group in ["prefix", "pattern", "all"] {
        let (cache, row) = (in_memory().await, Row::of(1));
        let older = row.begin_load(&cache).await;
        row.value.store(2, SeqCst);
        match group {
            "prefix" => cache.invalidate_prefix("row").await.unwrap(),
            "pattern" => cache.invalidate_pattern("r*").await.unwrap(),
            _ => cache.clear().await.unwrap(),
        }
        assert_eq!(call(&cache, &row).await, 2, "{group}");
        assert_eq!(row.end_load(older).await, 1, "{group}");
        assert_eq!(call(&cache, &row).await, 2, "{group}");
    }
}

#[tokio::test]
async fn a_load_that_began_before_an_invalidation_is_not_kept_in_l2_either() {
    let ((one, two), row) = (two_instances().await, Row::of(1));
    let older = row.begin_load(&one).await;
    row.value.store(2, SeqCst);
    one.scope(async { find_entry(1).invalidate().await }).await.unwrap();
    assert_eq!(row.end_load(older).await, 1);
    assert_eq!((call(&one, &row).await, call(&two, &row).await), (2, 2));
}

#[tokio::test]
async fn a_load_that_began_before_a_set_does_not_overwrite_it_in_either_tier() {
    let ((one, two), row) = (two_instances().await, Row::of(1));
    let older = row.begin_load(&one).await;
    one.scope(async { find_entry(1).set(2).await }).await.unwrap();
    assert_eq!(row.end_load(older).await, 1);
    assert_eq!((call(&one, &row).await, call(&two, &row).await), (2, 2));
}

#[tokio::test]
async fn a_load_that_began_before_a_refresh_does_not_overwrite_it_in_either_tier() {
    let ((one, two), row) = (two_instances().await, Row::of(1));
    let older = row.begin_load(&one).await;
    row.value.store(2, SeqCst);
    let open = Row { gate: Arc::new(Semaphore::new(1)), ..row.clone() };
    assert_eq!(one.scope(find(1, &open).refreshed()).await, 2);
    assert_eq!(row.end_load(older).await, 1);
    assert_eq!((call(&one, &row).await, call(&two, &row).await), (2, 2));
}

#[tokio::test]
async fn a_refresh_that_finds_nothing_to_keep_leaves_nothing_old() {
    #[cached(skip(row))]
    async fn positive(id: u64, row: &AtomicU64) -> Option<u64> {
        Some(row.load(SeqCst)).filter(|&row| row > 0)
    }
    let ((one, two), row) = (two_instances().await, AtomicU64::new(1));
    assert_eq!(one.scope(positive(1, &row)).await, Some(1));
    row.store(0, SeqCst);
    assert_eq!(one.scope(positive(1, &row).refreshed()).await, None);
    assert_eq!(one.scope(positive(1, &row)).await, None);
    assert_eq!(two.scope(positive(1, &row)).await, None);
}

#[tokio::test]
async fn waiters_of_a_load_are_let_go_also_after_the_cache_was_closed() {
    let cache = Cache::builder().wait_limit(Duration::from_millis(100)).build().await.unwrap();
    let row = Row::of(1);
    let hung = row.begin_load(&cache).await;
    cache.close().await.unwrap();
    assert_eq!(call(&cache, &row).await, 1);
    hung.abort();
}

#[tokio::test]
async fn a_set_that_was_dropped_half_way_leaves_no_older_copy_in_memory() {
    let ((one, two), policy) = (two_instances().await, Policy::new());
    let key = Key::new("half", &1).unwrap();
    for value in 1_u64.. {
        one.get::<u64>(&key).await;
        let done = {
            let mut set = std::pin::pin!(one.set(&key, &value, &policy));
            let mut done = set.as_mut().now_or_never().is_some();
            if !done {
                // Behind the stamps that it has asked for: now it stores.
                one.health().await;
                done = set.as_mut().now_or_never().is_some();
            }
            done
        };
        // What goes on in L2 without its caller has come to its end.
        one.health().await;
        two.clear_l1();
        let kept = two.get::<u64>(&key).await;
        assert_eq!(one.get::<u64>(&key).await, kept);
        if !done && value > 5 {
            assert_eq!(kept, Some(value), "it was dropped while it stored");
            break;
        }
    }
}

#[tokio::test]
async fn a_set_that_an_invalidation_overtook_is_in_neither_tier() {
    let ((one, two), policy) = (two_instances().await, Policy::new());
    let key = Key::new("overtaken", &1).unwrap();
    for value in 1_u64.. {
        let mut set = std::pin::pin!(one.set(&key, &value, &policy));
        let mut done = set.as_mut().now_or_never().is_some();
        if !done {
            // Behind the stamps that it has asked for: now it stores.
            one.health().await;
            done = set.as_mut().now_or_never().is_some();
        }
        if done {
            continue;
        }
        one.invalidate(&key).await.unwrap();
        set.await.unwrap();
        assert_eq!((one.get::<u64>(&key).await, two.get::<u64>(&key).await), (None, None));
        break;
    }
}

#[tokio::test]
async fn memory_forgets_after_l2_has_so_that_no_read_in_between_brings_the_old_value_back() {
    const UNTIL_L2: Duration = Duration::from_millis(300);
    let chaos = Chaos::over(Memory::new());
    let cache = Cache::builder().l2(chaos.clone()).l2_deadline(UNTIL_L2 * 10).build().await.unwrap();
    let row = Row::of(1);
    assert_eq!(call(&cache, &row).await, 1);
    row.value.store(2, SeqCst);
    chaos.only([Operation::Invalidate]);
    chaos.latency(UNTIL_L2);
    let invalidation = {
        let cache = cache.clone();
        tokio::spawn(async move { cache.scope(async { find_entry(1).invalidate().await }).await })
    };
    // Whoever finds nothing in memory now reads the old value in L2, and keeps it.
    while !invalidation.is_finished() {
        call(&cache, &row).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    invalidation.await.unwrap().unwrap();
    assert_eq!(call(&cache, &row).await, 2);
}
