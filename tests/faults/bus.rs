//! The connection of the bus is lost, silent, slow, or says nonsense: what another instance has invalidated is gone within the bound.

use std::time::{Duration, Instant};

use redis::AsyncCommands;
use tiercache::{Cache, Redis, cached};
use tiercache_tests::{Calls, Mode, Proxy, RedisServer, Which, eventually};
use tokio::time::sleep;

use super::breaker::unhurried;
use super::redis_down::recovers;
use super::table::{BUS_KILLED, BUS_SILENT, BUS_SLOW, CUT_OFF, FORGED, Row};
use super::{ALONE, at_length, measured};

pub(super) const MAX_STALENESS: Duration = Duration::from_secs(2);
pub(super) const BUS: &str = "tiercache:@bus";
pub(super) const LOG: &str = "tiercache:@log";
const SOON: Duration = Duration::from_secs(10);

#[cached(prefix = "version", l1_ttl = 60, skip(runs))]
pub(super) async fn version(id: u64, runs: &Calls) -> usize {
    runs.hit()
}

/// Invalidates at one instance what both have in memory: when the last call of the other one began that was given it.
pub(super) async fn staleness(one: &Cache, two: &Cache, id: u64, runs: &Calls) -> Duration {
    let old = one.scope(version(id, runs)).await;
    // Who has loaded it late, or has just forgotten everything, may be a load ahead.
    let known = two.scope(version(id, runs)).await.max(old);
    one.scope(async { version_entry(id).invalidate().await }).await.unwrap();
    let (begun, mut last) = (Instant::now(), Duration::ZERO);
    loop {
        let asked = begun.elapsed();
        if two.scope(version(id, runs)).await > known {
            return last;
        }
        assert!(asked < MAX_STALENESS, "still served");
        last = asked;
        sleep(Duration::from_micros(500)).await;
    }
}

/// Two instances, the second behind a proxy, both of which hear the bus.
pub(super) async fn pair(server: &RedisServer) -> (Proxy, Cache, Cache) {
    let proxy = Proxy::start(server.port()).await;
    let (one, two) = (unhurried(&server.url()).await, unhurried(&proxy.url()).await);
    both_hear(&one, &two).await;
    (proxy, one, two)
}

/// Waits until two instances share their values and hear the bus.
pub(super) async fn both_hear(one: &Cache, two: &Cache) {
    recovers(one, two).await;
    for cache in [one, two] {
        let hears = async || matches!(cache.health().await.bus, tiercache::BusHealth::Heard { .. });
        eventually(hears, SOON).await;
    }
}

async fn bound_holds(row: Row, befall: impl AsyncFn(&RedisServer, &Proxy)) {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let (proxy, one, two) = pair(&server).await;
    let (runs, mut took, times) = (Calls::new(), Vec::new(), at_length(10, 100));
    for id in 0..times {
        befall(&server, &proxy).await;
        took.push(staleness(&one, &two, id, &runs).await);
        sleep(Duration::from_millis(fastrand::u64(..50))).await;
    }
    took.sort();
    let (median, worst) = (took[took.len() / 2].as_millis(), took[took.len() - 1].as_millis());
    measured(row, format!("{times} invalidations: staleness ≤ {worst} ms, half of them ≤ {median} ms"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed() {
    bound_holds(BUS_KILLED, async |server, _| {
        let mut connection = server.connection().await;
        redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub").exec_async(&mut connection).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent() {
    bound_holds(BUS_SILENT, async |_, proxy| proxy.set_for(Which::Bus, Mode::BlackHole)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow() {
    bound_holds(BUS_SLOW, async |_, proxy| proxy.set_for(Which::Bus, Mode::Latency(Duration::from_secs(1)))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let (_proxy, one, two) = pair(&server).await;
    let (runs, mut connection, times) = (Calls::new(), server.connection().await, at_length(1_000, 50_000));
    for _ in 0..times {
        let length = if fastrand::u8(..100) == 0 { 100_000 } else { fastrand::usize(..200) };
        let mut forged: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(length).collect();
        // Often as far right as the version and a known kind.
        for (byte, right) in forged.iter_mut().zip([1, fastrand::u8(..5)]).take(fastrand::usize(..3)) {
            *byte = right;
        }
        if fastrand::u8(..10) == 0 {
            let mut append = redis::cmd("XADD");
            append.arg(LOG).arg("MAXLEN").arg("~").arg(10_000).arg("*").arg(["m", "x"][fastrand::usize(..2)]);
            append.arg(&forged).exec_async(&mut connection).await.unwrap();
        }
        let _: () = connection.publish(BUS, forged).await.unwrap();
    }
    let mut worst = Duration::ZERO;
    for id in 0..20 {
        worst = worst.max(staleness(&one, &two, id, &runs).await);
    }
    eventually(async || one.health().await.is_good(), SOON).await;
    let worst = worst.as_millis();
    measured(FORGED, format!("{times} messages; afterwards 20 invalidations heard within ≤ {worst} ms"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_off_the_database_sees_one_load_a_key_and_interval() {
    const DEGRADED: Duration = Duration::from_millis(500);
    const KEYS: u64 = 10;
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let builder = Cache::builder().l2(Redis::new(proxy.url()).unwrap()).degraded_l1_ttl(DEGRADED);
    let cache = builder.max_staleness(Duration::from_millis(200)).build().await.unwrap();
    let (runs, mut calls) = (Calls::new(), 0);
    proxy.down().await;
    let begun = Instant::now();
    while begun.elapsed() < DEGRADED * 6 {
        for id in 0..KEYS {
            cache.scope(version(id, &runs)).await;
            calls += 1;
        }
        sleep(Duration::from_millis(1)).await;
    }
    let intervals = usize::try_from(begun.elapsed().as_millis() / DEGRADED.as_millis()).unwrap() + 1;
    let (loads, most) = (runs.get(), intervals * usize::try_from(KEYS).unwrap());
    assert!(loads <= most, "{loads} loads");
    measured(CUT_OFF, format!("{calls} calls for {KEYS} keys in {intervals} intervals: {loads} loads"));
}
