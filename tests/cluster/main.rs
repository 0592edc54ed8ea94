//! Redis Cluster and Sentinel: the same promises as with one server.

mod down;
mod failover;
mod in_flight;
mod lost;
mod migration;
mod permissions;
mod restarts;
mod scenario;
mod sentinel;
mod slots;
mod tls;
mod under_load;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tiercache::{Cache, CallExt, Redis, Source, cached};
use tiercache_tests::faults::at_length;
use tiercache_tests::{Calls, eventually};

/// Six servers at once are enough for a small machine, and what is measured here is measured alone.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// From the moment that there is a new primary until instances use it. Promised are 2 s, which `cargo xtask faults` demands; typical is
/// less than 1 s. Where other tests run beside these, everybody may have to wait for a turn.
fn follow() -> Duration {
    Duration::from_secs(at_length(10, 2))
}

/// For a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(10);

#[cached(prefix = "user", skip(runs))]
async fn find(id: u64, runs: &Calls) -> Result<u64, String> {
    runs.hit();
    Ok(id)
}

/// An instance that is patient with a machine that is busy with other tests.
async fn patient(url: &str) -> Cache {
    waiting(url, PATIENCE).await
}

/// An instance that waits so long for its Redis.
async fn waiting(url: &str, deadline: Duration) -> Cache {
    over(Redis::new(url).expect("the URL is well formed"), deadline).await
}

/// An instance over `redis` that waits so long for it.
async fn over(redis: Redis, deadline: Duration) -> Cache {
    let redis = redis.connect_timeout(deadline);
    let builder = Cache::builder().namespace("shop").l2(redis).l2_deadline(deadline);
    builder.build().await.expect("nothing is wrong with this")
}

/// The key of an id in L2.
async fn key_of(cache: &Cache, id: u64) -> String {
    cache.scope(async { find_entry(id).key() }).await.expect("the cache is open")
}

/// Whether what one instance stores under `id` is found by the other.
async fn shares(one: &Cache, two: &Cache, id: u64) -> bool {
    let runs = Calls::new();
    let stored = one.scope(find(id, &runs)).await;
    let (found, outcome) = two.scope(find(id, &runs).with_outcome()).await;
    assert_eq!((stored, found), (Ok(id), Ok(id)), "trouble of Redis is never the caller's");
    outcome.is_some_and(|outcome| outcome.source() == Source::L2)
}

/// Waits until values with keys like those of `ids` are shared again, and says how long it took. No id comes twice.
async fn share_again(one: &Cache, two: &Cache, ids: impl Fn(u64) -> u64) -> Duration {
    let (begun, next) = (Instant::now(), AtomicU64::new(0));
    let shared = || shares(one, two, ids(next.fetch_add(1, Ordering::Relaxed)));
    eventually(shared, Duration::from_secs(30)).await;
    begun.elapsed()
}
