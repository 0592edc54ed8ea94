//! Redis Cluster and Sentinel: the same promises as with one server.

mod failover;
mod in_flight;
mod migration;
mod permissions;
mod scenario;
mod sentinel;
mod slots;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tiercache::{Cache, CallExt, Redis, Source, cached};
use tiercache_tests::{Calls, eventually};

/// Six servers at once are enough for a small machine, and what is measured here is measured alone.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// From the moment that there is a new primary until instances use it: promised are 2 s, on a machine that does nothing else.
const FOLLOW: Duration = Duration::from_secs(4);

#[cached(prefix = "user", skip(runs))]
async fn find(id: u64, runs: &Calls) -> Result<u64, String> {
    runs.hit();
    Ok(id)
}

/// An instance over `url` with the deadlines of a service.
async fn at(url: &str) -> Cache {
    let redis = Redis::new(url).expect("the URL is well formed");
    let builder = Cache::builder().namespace("shop").l2(redis).l2_deadline(Duration::from_millis(250));
    builder.build().await.expect("nothing is wrong with this")
}

/// An instance that is patient with a machine that is busy with other tests.
async fn patient(url: &str) -> Cache {
    let redis = Redis::new(url).expect("the URL is well formed").connect_timeout(Duration::from_secs(10));
    let builder = Cache::builder().namespace("shop").l2(redis).l2_deadline(Duration::from_secs(10));
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
