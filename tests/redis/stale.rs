//! Stale values and refreshes of a whole fleet.

use std::time::Duration;

use futures_util::future::join_all;
use redis::AsyncCommands;
use tiercache::{Cache, CallExt, Freshness, Redis, Source, cached};
use tiercache_tests::{Calls, RedisServer, eventually};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::instance;

const PATIENCE: Duration = Duration::from_secs(20);

/// A body that takes a while, and tells how often it was run.
#[cached(ttl = "500ms", stale_while_revalidate = 600, prefix = "slow", skip(runs))]
async fn slow(id: u64, runs: Calls) -> usize {
    let (_, run) = (id, runs.hit());
    sleep(Duration::from_millis(300)).await;
    run
}

#[tokio::test]
async fn a_fleet_is_answered_at_once_and_refreshes_once() {
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let fleet = [instance(&server).await, instance(&server).await, instance(&server).await];
    fleet[0].scope(slow(1, runs.clone())).await;
    sleep(Duration::from_millis(600)).await;
    let calls = fleet.iter().map(|cache| cache.scope(slow(1, runs.clone()).with_outcome()));
    for (run, outcome) in join_all(calls).await {
        assert_eq!((run, outcome.unwrap().source()), (1, Source::Stale));
    }
    let stored = || async { fleet.iter().map(|cache| cache.stats().total.stores).sum::<u64>() == 2 };
    eventually(stored, PATIENCE).await;
    assert_eq!(runs.get(), 2);
}

#[tokio::test]
async fn a_refresh_behind_does_not_bring_back_what_another_instance_has_invalidated_or_a_hand_removed() {
    #[cached(ttl = "200ms", stale_while_revalidate = 600, prefix = "gated", skip(runs, gate))]
    async fn gated(id: u64, runs: Calls, gate: std::sync::Arc<Notify>) -> usize {
        let (_, run) = (id, runs.hit());
        gate.notified().await;
        run
    }
    let server = RedisServer::start().await;
    let (one, two, gate) = (instance(&server).await, instance(&server).await, std::sync::Arc::new(Notify::new()));
    let mut connection = server.connection().await;
    for by_hand in [true, false] {
        let (runs, id) = (Calls::new(), u64::from(by_hand));
        gate.notify_one();
        one.scope(gated(id, runs.clone(), gate.clone())).await;
        sleep(Duration::from_millis(300)).await;
        assert_eq!(one.scope(gated(id, runs.clone(), gate.clone())).await, 1);
        eventually(|| async { runs.get() == 2 }, PATIENCE).await;
        let key = one.scope(async { gated_entry(id).key() }).await.unwrap();
        if by_hand {
            let _: () = connection.del(&key).await.unwrap();
        } else {
            two.scope(async { gated_entry(id).invalidate().await }).await.unwrap();
        }
        let loads = one.stats().total.loads.count;
        gate.notify_one();
        eventually(|| async { one.stats().total.loads.count > loads }, PATIENCE).await;
        // The turn is given back after the store was tried.
        let turn = format!("{key}:r");
        let over = || {
            let (mut connection, turn) = (connection.clone(), turn.clone());
            async move { !connection.exists::<_, bool>(&turn).await.unwrap() }
        };
        eventually(over, PATIENCE).await;
        assert!(!connection.exists::<_, bool>(&key).await.unwrap(), "by hand: {by_hand}");
    }
}

#[tokio::test]
async fn while_l2_is_down_stale_values_are_bounded_as_others_are() {
    #[cached(ttl = "100ms", stale_if_error = 600, prefix = "flaky", skip(runs))]
    async fn flaky(id: u64, runs: &Calls) -> Result<u64, ()> {
        if runs.hit() == 1 { Ok(id) } else { Err(()) }
    }
    for (freshness, expected) in [(Freshness::Available, Ok(1)), (Freshness::Bounded, Err(()))] {
        let (server, runs) = (RedisServer::start().await, Calls::new());
        let redis = Redis::new(server.url()).unwrap();
        let builder = Cache::builder().l2(redis).freshness(freshness).degraded_l1_ttl(Duration::from_millis(500));
        let cache = builder.l2_deadline(Duration::from_secs(1)).build().await.unwrap();
        cache.scope(flaky(1, &runs)).await.unwrap();
        drop(server);
        sleep(Duration::from_millis(1_500)).await;
        assert_eq!(cache.scope(flaky(1, &runs)).await, expected, "{freshness:?}");
    }
}

#[tokio::test]
async fn what_l2_has_lost_is_not_given_stale_from_memory() {
    #[cached(ttl = "200ms", stale_if_error = 600, prefix = "lost", skip(runs))]
    async fn lost(id: u64, runs: &Calls) -> Result<u64, ()> {
        if runs.hit() == 1 { Ok(id) } else { Err(()) }
    }
    let (server, runs) = (RedisServer::start().await, Calls::new());
    let cache = instance(&server).await;
    cache.scope(lost(1, &runs)).await.unwrap();
    let key = cache.scope(async { lost_entry(1).key() }).await.unwrap();
    let _: () = server.connection().await.del(&key).await.unwrap();
    sleep(Duration::from_millis(300)).await;
    assert_eq!(cache.scope(lost(1, &runs)).await, Err(()));
}
