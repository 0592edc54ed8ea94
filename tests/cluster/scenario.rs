//! A bit of everything that an L2 is asked for, by two instances.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use tiercache::{Cache, CallExt, Key, L2Health, Policy, Source, cached};
use tiercache_tests::{Calls, eventually};

use super::{find, find_entry};

const MANY: u64 = 60;
const SOON: Duration = Duration::from_secs(10);

#[cached(prefix = "report:daily", skip(runs))]
async fn report(id: u64, runs: &Calls) -> u64 {
    runs.hit();
    id
}

/// Reads, writes and invalidates by `one`, and looks whether `two` sees it.
pub(super) async fn plays(one: &Cache, two: &Cache) {
    reads_and_writes(one, two).await;
    invalidates_keys(one, two).await;
    invalidates_groups(one, two).await;
    for cache in [one, two] {
        assert!(matches!(cache.health().await.l2, L2Health::Up { .. }), "{:?}", cache.health().await);
        assert!(cache.stats().l2_errors.values().all(|count| *count == 0), "{:?}", cache.stats().l2_errors);
    }
}

async fn reads_and_writes(one: &Cache, two: &Cache) {
    let runs = Calls::new();
    let calls = async |cache: &Cache| join_all((0..MANY).map(|id| cache.scope(find(id, &runs).with_outcome()))).await;
    calls(one).await;
    for (_, outcome) in calls(two).await {
        let troubles = || [one, two].map(|cache| cache.stats().l2_errors);
        assert_eq!(outcome.expect("a cached call").source(), Source::L2, "{:?}", troubles());
    }
    assert_eq!(runs.get() as u64, MANY);
    let listed: Vec<_> = two.keys("user:*").collect().await;
    assert_eq!(listed.len() as u64, MANY);
    assert!(listed.iter().all(Result::is_ok), "{listed:?}");
    let (key, policy) = (Key::new("direct", &1).expect("a key"), Policy::new());
    one.set(&key, &7_u64, &policy).await.expect("set");
    assert_eq!(two.get::<u64>(&key).await, Some(7));
}

async fn invalidates_keys(one: &Cache, two: &Cache) {
    let runs = Calls::new();
    one.scope(async { find_entry(1).invalidate().await }).await.expect("invalidate");
    is_gone(two, 1, &runs).await;
    let keys: Vec<_> = (0..1_500_u64).map(|id| Key::new("direct", &id).expect("a key")).collect();
    let policy = Policy::new();
    join_all(keys[..30].iter().map(|key| async { one.set(key, &1_u64, &policy).await.expect("set") })).await;
    assert_eq!(two.get::<u64>(&keys[29]).await, Some(1));
    one.invalidate_many(&keys).await.expect("invalidate many");
    let all_gone =
        || async { join_all(keys[..30].iter().map(|key| two.get::<u64>(key))).await.iter().all(Option::is_none) };
    eventually(all_gone, SOON).await;
}

async fn invalidates_groups(one: &Cache, two: &Cache) {
    let runs = Calls::new();
    for (id, group) in (10..).zip(["prefix", "pattern", "all"]) {
        one.scope(report(id, &runs)).await;
        let (_, outcome) = two.scope(report(id, &runs).with_outcome()).await;
        assert_eq!(outcome.expect("a cached call").source(), Source::L2, "{group}");
        match group {
            "prefix" => one.invalidate_prefix("report").await,
            "pattern" => one.invalidate_pattern("rep*").await,
            _ => one.clear().await,
        }
        .expect(group);
        let gone = || async { two.scope(async { report_entry(id).peek().await.is_none() }).await };
        eventually(gone, SOON).await;
        let before = runs.get();
        two.clear_l1();
        two.scope(report(id, &runs)).await;
        assert_eq!(runs.get(), before + 1, "{group}");
    }
}

async fn is_gone(cache: &Cache, id: u64, runs: &Calls) {
    eventually(|| async { cache.scope(async { find_entry(id).peek().await.is_none() }).await }, SOON).await;
    let (_, outcome) = cache.scope(find(id, runs).with_outcome()).await;
    assert_eq!(outcome.expect("a cached call").source(), Source::Loader);
}
