//! Invalidations that are queued: at once here, together elsewhere.

use std::time::Duration;

use futures_util::StreamExt as _;
use tiercache::{CallExt, ErrorKind, Key, Policy, Source, cached};
use tiercache_tests::Calls;

use super::{User, in_memory, two_instances};

#[cached(prefix = "user", skip(runs))]
async fn find(id: u64, runs: &Calls) -> User {
    runs.hit();
    User::new(id)
}

#[tokio::test]
async fn this_process_forgets_at_once_and_reads_no_older_value_anywhere() {
    let ((one, _two), runs) = (two_instances().await, Calls::new());
    one.scope(async {
        find(1, &runs).await;
        find_entry(1).queue_invalidation().unwrap();
        let (_, outcome) = find(1, &runs).with_outcome().await;
        assert_eq!(outcome.unwrap().source(), Source::Loader);
    })
    .await;
    assert_eq!(runs.get(), 2);
}

#[tokio::test]
async fn after_a_flush_nobody_finds_it_in_l2() {
    let ((one, two), runs) = (two_instances().await, Calls::new());
    one.scope(async {
        for id in 0..3_000 {
            find(id, &runs).await;
        }
        for id in 0..3_000 {
            find_entry(id).queue_invalidation().unwrap();
            find_entry(id % 7).queue_invalidation().unwrap();
        }
    })
    .await;
    one.flush_invalidations().await.unwrap();
    assert_eq!(two.scope(async { find_entry(2_999).peek().await }).await, None);
    assert_eq!(two.keys("user").count().await, 0);
    one.flush_invalidations().await.unwrap();
    // What is loaded afterwards is kept in both tiers again.
    one.scope(find(5, &runs)).await;
    assert_eq!(two.scope(async { find_entry(5).peek().await }).await, Some(User::new(5)));
}

#[tokio::test]
async fn it_is_carried_out_without_a_flush() {
    let ((one, two), key) = (two_instances().await, Key::new("user", &1).unwrap());
    one.set(&key, &1_u64, &Policy::new()).await.unwrap();
    one.queue_invalidation(&key);
    let gone = || async { two.keys("user").count().await == 0 };
    tiercache_tests::eventually(gone, Duration::from_secs(10)).await;
}

#[tokio::test]
async fn closing_carries_it_out_first() {
    let ((one, two), key) = (two_instances().await, Key::new("user", &1).unwrap());
    one.set(&key, &1_u64, &Policy::new()).await.unwrap();
    one.queue_invalidation(&key);
    one.close().await.unwrap();
    assert_eq!(two.get::<u64>(&key).await, None);
    one.queue_invalidation(&key);
    assert_eq!(one.flush_invalidations().await.unwrap_err().kind(), ErrorKind::NotInstalled);
}

#[tokio::test]
async fn without_an_l2_there_is_nothing_to_wait_for() {
    let (cache, runs) = (in_memory().await, Calls::new());
    cache
        .scope(async {
            find(1, &runs).await;
            find_entry(1).queue_invalidation().unwrap();
            assert_eq!(find_entry(1).peek().await, None);
        })
        .await;
    cache.flush_invalidations().await.unwrap();
    assert_eq!(cache.stats().total.invalidations, 1);
}
