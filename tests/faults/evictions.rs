//! Redis forgets whatever it likes, under load: nothing that was invalidated comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use tiercache::{Cache, cached};
use tiercache_tests::RedisServer;
use tokio::time::sleep;

use super::breaker::unhurried;
use super::redis_down::recovers;
use super::table::{EVICTED, FLUSHED, Row};
use super::{ALONE, at_length, measured};

const ROWS: usize = 20;
const MAX_STALENESS: Duration = Duration::from_secs(2);

/// The database: a version a row.
type Table = Arc<[AtomicU64; ROWS]>;

#[cached(prefix = "row", tags("row:{id}"), l1_ttl = 60, skip(table))]
async fn row(id: usize, table: Table) -> u64 {
    let version = table[id].load(Ordering::SeqCst);
    sleep(Duration::from_micros(fastrand::u64(..2_000))).await;
    version
}

/// Reads and writes through one instance until told to stop: a read that begins after an invalidation never gives less than it wrote.
async fn work(cache: Cache, table: Table, stop: Arc<AtomicBool>) -> (u64, u64) {
    let (mut reads, mut writes) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let id = fastrand::usize(..ROWS);
        if fastrand::u8(..5) == 0 {
            let version = table[id].fetch_add(1, Ordering::SeqCst) + 1;
            let invalidated = match fastrand::u8(..3) {
                0 => cache.invalidate_tags([format!("row:{id}")]).await,
                1 => cache.invalidate_prefix("row").await,
                _ => cache.scope(async { row_entry(id).invalidate().await }).await,
            };
            writes += u64::from(invalidated.is_ok());
            assert!(cache.scope(row(id, Arc::clone(&table))).await >= version, "an older value came back");
        }
        cache.scope(row(id, Arc::clone(&table))).await;
        reads += 1;
        sleep(Duration::from_micros(fastrand::u64(..1_000))).await;
    }
    (reads, writes)
}

/// What befalls Redis again and again while two instances work.
async fn befallen(what: Row, befall: impl AsyncFn(&mut MultiplexedConnection)) {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let (one, two) = (unhurried(&server.url()).await, unhurried(&server.url()).await);
    recovers(&one, &two).await;
    let (table, stop) = (Table::new(std::array::from_fn(|_| AtomicU64::new(0))), Arc::<AtomicBool>::default());
    let start = |cache: &Cache| tokio::spawn(work(cache.clone(), Arc::clone(&table), Arc::clone(&stop)));
    let tasks: Vec<_> = (0..16).map(|task| start(if task % 2 == 0 { &one } else { &two })).collect();
    let mut connection = server.connection().await;
    let times = at_length(100, 2_000);
    for _ in 0..times {
        befall(&mut connection).await;
        sleep(Duration::from_millis(10)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let done = join_all(tasks).await.into_iter().map(Result::unwrap);
    let (reads, writes) = done.fold((0, 0), |sum, done| (sum.0 + done.0, sum.1 + done.1));
    sleep(MAX_STALENESS).await;
    for (id, version) in table.iter().enumerate() {
        for cache in [&one, &two] {
            assert_eq!(cache.scope(row(id, Arc::clone(&table))).await, version.load(Ordering::SeqCst));
        }
    }
    measured(what, format!("{times} times under {reads} reads, {writes} invalidations: 0 came back"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_brings_nothing_back() {
    befallen(FLUSHED, async |connection| redis::cmd("FLUSHALL").exec_async(connection).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_eviction_brings_nothing_back() {
    befallen(EVICTED, async |connection| {
        for _ in 0..5 {
            let key: Option<String> = redis::cmd("RANDOMKEY").query_async(connection).await.unwrap();
            if let Some(key) = key {
                redis::cmd("UNLINK").arg(key).exec_async(connection).await.unwrap();
            }
        }
        // Every other time those that matter most.
        if fastrand::bool() {
            let ours = ["tiercache:@groups", "tiercache:@log"];
            redis::cmd("UNLINK").arg(ours[fastrand::usize(..2)]).exec_async(connection).await.unwrap();
        }
    })
    .await;
}
