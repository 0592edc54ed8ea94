//! An invalidation that cannot reach Redis is not forgotten: it is told first of all when Redis answers again.

use std::collections::HashMap;
use std::time::Duration;

use tiercache::{Cache, CallExt, Chaos, ErrorKind, Key, Memory, Operation, Source, cached};
use tiercache_tests::{Calls, Proxy, RedisServer, eventually};

use super::breaker::{patient, unhurried, waiting};
use super::redis_down::recovers;
use super::table::PENDING;
use super::{ALONE, limit, measured};

/// What one meets that waits for a Redis which does not answer.
const DEADLINE: Duration = Duration::from_secs(2);

/// Within which Redis is found to answer, and told.
fn soon() -> Duration {
    limit(Duration::from_secs(5))
}

/// The body counts, so an older value is a smaller one.
#[cached(prefix = "version:of", skip(runs))]
async fn version(id: u64, runs: &Calls) -> usize {
    runs.hit()
}

async fn source(cache: &Cache, id: u64, runs: &Calls) -> (usize, Source) {
    let (value, outcome) = cache.scope(version(id, runs).with_outcome()).await;
    (value, outcome.unwrap().source())
}

/// One behind a proxy, one beside it, with the first `ids` in Redis and in both memories.
async fn pair(server: &RedisServer, ids: u64, runs: &Calls) -> (Proxy, Cache, Cache) {
    pair_within(Duration::from_secs(20), server, ids, runs).await
}

/// The same, the first of which waits no longer than this for Redis.
async fn pair_within(deadline: Duration, server: &RedisServer, ids: u64, runs: &Calls) -> (Proxy, Cache, Cache) {
    let proxy = Proxy::start(server.port()).await;
    let (one, two) = (waiting(&proxy.url(), deadline).await, unhurried(&server.url()).await);
    recovers(&one, &two).await;
    for id in 0..ids {
        let value = source(&one, id, runs).await.0;
        assert_eq!(source(&two, id, runs).await, (value, Source::L2));
    }
    (proxy, one, two)
}

/// Until nothing is pending any more. It is told within the time in which Redis is found to answer.
async fn told(cache: &Cache) {
    eventually(async || cache.health().await.pending_invalidations == 0, soon()).await;
    assert_eq!(cache.stats().l2.pending_invalidations, 0);
}

async fn invalidated_in_an_outage(how: impl AsyncFn(&Cache) -> tiercache::Result<()>) {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let runs = Calls::new();
    let (proxy, one, two) = pair(&server, 3, &runs).await;
    let three = unhurried(&server.url()).await;
    proxy.down().await;
    let error = how(&one).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Pending, "{error}");
    assert!(one.health().await.pending_invalidations > 0 && !one.health().await.is_good());
    let newer = runs.get() + 1;
    assert_eq!(source(&one, 1, &runs).await, (newer, Source::Loader));
    proxy.pass();
    // From here on Redis answers. It still holds the old value until it is told; who forgot it must never read that.
    let asked = async || {
        one.clear_l1();
        let (value, _) = source(&one, 1, &runs).await;
        assert!(value >= newer, "the old value came back");
        one.health().await.pending_invalidations == 0
    };
    eventually(asked, soon()).await;
    // Told: neither who had it in memory nor who has nothing sees it any more.
    eventually(async || source(&two, 1, &runs).await.0 >= newer, soon()).await;
    assert!(source(&three, 1, &runs).await.0 >= newer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_invalidated_in_an_outage_never_comes_back() {
    invalidated_in_an_outage(async |cache| cache.scope(async { version_entry(1).invalidate().await }).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prefix_invalidated_in_an_outage_never_comes_back() {
    invalidated_in_an_outage(async |cache| cache.invalidate_prefix("version").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_cleared_in_an_outage_never_comes_back() {
    invalidated_in_an_outage(async |cache| cache.clear().await).await;
    measured(PENDING, "the whole namespace: told as soon as Redis answered; nothing older came back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalidation_that_was_only_late_is_told_again_at_once() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let runs = Calls::new();
    let (_proxy, one, two) = pair_within(DEADLINE, &server, 3, &runs).await;
    server.pause();
    let error = one.scope(async { version_entry(1).invalidate().await }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Pending);
    let opened = one.stats().l2.breaker_opened;
    server.resume();
    told(&one).await;
    assert_eq!(opened, 0, "one failure is no outage");
    let old = runs.get();
    eventually(async || source(&two, 1, &runs).await.0 > old, soon()).await;
}

/// One run for all that is missing.
#[cached(batch(ids, |id| version_entry(*id)))]
async fn versions(ids: &[u64], runs: &Calls) -> HashMap<u64, usize> {
    let run = runs.hit();
    ids.iter().map(|id| (*id, run)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pending_is_not_read_from_l2_while_other_keys_are() {
    not_read_while_pending(async |cache| cache.scope(async { version_entry(1).invalidate().await }).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_queued_is_not_read_from_l2_while_other_keys_are() {
    let queue = async |cache: &Cache| {
        cache.scope(async { version_entry(1).queue_invalidation() }).await?;
        cache.flush_invalidations().await
    };
    not_read_while_pending(queue).await;
}

async fn not_read_while_pending(how: impl AsyncFn(&Cache) -> tiercache::Result<()>) {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let runs = Calls::new();
    let (_proxy, one, _two) = pair(&server, 3, &runs).await;
    // The log is what it cannot be told by: everything else works.
    let mut connection = server.connection().await;
    redis::cmd("SET").arg("tiercache:@log").arg("no stream").exec_async(&mut connection).await.unwrap();
    assert_eq!(how(&one).await.unwrap_err().kind(), ErrorKind::Pending);
    let newer = source(&one, 1, &runs).await;
    assert_eq!(newer, (runs.get(), Source::Loader));
    one.clear_l1();
    assert_eq!(source(&one, 1, &runs).await.1, Source::Loader, "nothing of it was stored in L2");
    assert_eq!(source(&one, 2, &runs).await.1, Source::L2);
    one.clear_l1();
    let both = one.scope(versions(&[1, 2], &runs)).await;
    assert!(both[&1] == runs.get() && both[&2] < newer.0, "{both:?}: the second was in L2");
    one.clear_l1();
    assert_eq!(one.scope(versions(&[1, 2], &runs)).await[&1], both[&1] + 1, "nothing of it was stored there");
    redis::cmd("DEL").arg("tiercache:@log").exec_async(&mut connection).await.unwrap();
    told(&one).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_invalidations_become_one_of_the_whole_namespace() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let runs = Calls::new();
    let (proxy, one, two) = pair(&server, 3, &runs).await;
    proxy.down().await;
    let keys: Vec<Key> = (0..100_001).map(|id| Key::new("other", &id).unwrap()).collect();
    assert_eq!(one.invalidate_many(&keys).await.unwrap_err().kind(), ErrorKind::Pending);
    assert_eq!(one.stats().l2.pending_invalidations, 1);
    let old = runs.get();
    proxy.pass();
    told(&one).await;
    // Also what nobody has named.
    eventually(async || source(&two, 2, &runs).await.0 > old, soon()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_tells_what_is_pending_or_says_that_it_cannot() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let runs = Calls::new();
    let (proxy, one, two) = pair(&server, 3, &runs).await;
    proxy.down().await;
    one.scope(async { version_entry(1).invalidate().await }).await.unwrap_err();
    let error = one.close().await.unwrap_err();
    assert!(error.kind() == ErrorKind::Pending && error.to_string().contains("1 invalidation"), "{error}");
    let hung = patient(&server.url()).await;
    recovers(&hung, &two).await;
    server.pause();
    hung.scope(async { version_entry(2).invalidate().await }).await.unwrap_err();
    let old = runs.get();
    server.resume();
    hung.close().await.unwrap();
    eventually(async || source(&two, 2, &runs).await.0 > old, soon()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_waits_for_what_is_under_way() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let runs = Calls::new();
    let (one, two) = (unhurried(&server.url()).await, unhurried(&server.url()).await);
    recovers(&one, &two).await;
    let old = source(&one, 1, &runs).await.0;
    assert_eq!(source(&two, 1, &runs).await, (old, Source::L2));
    server.pause();
    let mut invalidating = std::pin::pin!(one.scope(async { version_entry(1).invalidate().await }));
    assert!(futures_util::poll!(invalidating.as_mut()).is_pending());
    let mut closing = std::pin::pin!(one.close());
    // Nothing answers: it cannot be over.
    let early = tokio::time::timeout(Duration::from_millis(50), closing.as_mut()).await;
    assert!(early.is_err(), "{early:?}");
    server.resume();
    closing.await.unwrap();
    invalidating.await.unwrap();
    eventually(async || source(&two, 1, &runs).await.0 > old, soon()).await;
}

const LATE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn what_is_on_its_way_is_no_trouble_and_what_l2_could_not_be_told_is() {
    let chaos = Chaos::over(Memory::new());
    let cache = Cache::builder().l2(chaos.clone()).l2_deadline(Duration::from_secs(20)).build().await.unwrap();
    let settled = async || cache.health().await.is_good() && cache.health().await.pending_invalidations == 0;
    eventually(settled, LATE).await;
    chaos.only([Operation::Invalidate]);
    chaos.latency(Duration::from_millis(500));
    cache.queue_invalidation(&Key::new("user", &1).unwrap());
    let health = cache.health().await;
    assert_eq!((health.pending_invalidations, health.invalidations_overdue, health.is_good()), (1, false, true));
    eventually(settled, LATE).await;
    chaos.latency(Duration::ZERO);
    chaos.fail(ErrorKind::WrongType);
    cache.queue_invalidation(&Key::new("user", &1).unwrap());
    eventually(async || !cache.health().await.is_good(), LATE).await;
    assert!(cache.health().await.invalidations_overdue);
    chaos.heal();
    eventually(settled, LATE).await;
}
