//! The bus is tried, and what it does not do is done by the log.

use std::time::{Duration, Instant};

use tiercache::{BusHealth, Cache, cached};
use tiercache_tests::{Calls, RedisServer, eventually};
use tokio::time::sleep;

use super::{at, instance};

const PATIENCE: Duration = Duration::from_secs(20);
const MAX_STALENESS: Duration = Duration::from_secs(2);

#[cached(prefix = "user", l1_ttl = 60, skip(runs))]
async fn find(id: u64, runs: &Calls) -> usize {
    runs.hit()
}

async fn hears(cache: &Cache) -> bool {
    matches!(cache.health().await.bus, BusHealth::Heard { .. })
}

/// Why the bus does not work, once it is known.
async fn deaf(cache: &Cache) -> String {
    let begun = Instant::now();
    loop {
        let health = cache.health().await;
        if let BusHealth::Deaf { reason } = &health.bus {
            assert!(!health.is_good());
            return reason.clone();
        }
        assert!(begun.elapsed() < PATIENCE, "{:?}", health.bus);
        sleep(Duration::from_millis(5)).await;
    }
}

/// The URL of a user who may do all in this namespace but what `without` takes away.
async fn user(server: &RedisServer, without: &[&str]) -> String {
    let mut command = redis::cmd("ACL");
    command.arg("SETUSER").arg("app").arg("on").arg(">secret").arg("~shop:*").arg("&shop:*").arg("+@all").arg(without);
    command.exec_async(&mut server.connection().await).await.unwrap();
    format!("redis://app:secret@127.0.0.1:{}", server.port())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_is_tried_at_the_start_and_whenever_it_is_joined_again() {
    let server = RedisServer::start().await;
    let cache = instance(&server).await;
    eventually(|| hears(&cache), PATIENCE).await;
    assert!(cache.health().await.is_good());
    let mut connection = server.connection().await;
    redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub").exec_async(&mut connection).await.unwrap();
    deaf(&cache).await;
    eventually(|| hears(&cache), PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_without_the_channel_is_told_and_invalidates_by_the_log() {
    for without in [&["resetchannels"][..], &["-subscribe"], &["-publish"]] {
        let server = RedisServer::start().await;
        let url = user(&server, without).await;
        let (one, two, runs) = (at(&url, "shop").await, at(&url, "shop").await, Calls::new());
        let reason = deaf(&two).await;
        let what =
            if without == ["resetchannels"] { "the channel of the bus" } else { &format!("`{}`", &without[0][1..]) };
        assert!(reason.contains("no permission") && reason.contains(what), "{without:?}: {reason}");
        let old = one.scope(find(1, &runs)).await;
        assert_eq!(two.scope(find(1, &runs)).await, old);
        one.scope(async { find_entry(1).invalidate().await }).await.unwrap();
        sleep(MAX_STALENESS).await;
        assert_ne!(two.scope(find(1, &runs)).await, old, "{without:?}");
    }
}
