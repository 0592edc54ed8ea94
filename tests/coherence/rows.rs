//! The database, and the cached functions over it: each gives the version of a row.

use std::sync::OnceLock;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tiercache::{Cache, Result, cached};
use tokio::time::sleep;

pub(crate) const ROWS: u32 = 200;
/// Rows from here on are often slow to read: what joins their loads must not get what was read too long ago.
pub(crate) const SLOW: u32 = 190;
const TABLE: &str = "rows";

static DATABASE: OnceLock<MultiplexedConnection> = OnceLock::new();

/// Every body of this process reads from here.
pub(crate) async fn open(url: &str) {
    let config = redis::AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let client = redis::Client::open(url).unwrap();
    let connection = client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
    DATABASE.set(connection).expect("a process opens its database once");
}

fn database() -> MultiplexedConnection {
    DATABASE.get().expect("opened before the first call").clone()
}

/// Commits a new version of a row.
async fn commit(row: u32) -> u64 {
    redis::cmd("HINCRBY").arg(TABLE).arg(row).arg(1).query_async(&mut database()).await.expect("the database is up")
}

/// Reads a row: what is slow in a real body comes before or after the read.
async fn select(row: u32) -> u64 {
    dawdle(row).await;
    let version: Option<u64> =
        redis::cmd("HGET").arg(TABLE).arg(row).query_async(&mut database()).await.expect("the database is up");
    dawdle(row).await;
    version.unwrap_or(0)
}

async fn dawdle(row: u32) {
    let micros = match fastrand::u32(..100) {
        0..20 if row >= SLOW => fastrand::u64(..2_600_000),
        70..96 => fastrand::u64(..3_000),
        96.. => fastrand::u64(..40_000),
        _ => return,
    };
    sleep(Duration::from_micros(micros)).await;
}

#[cached(prefix = "plain")]
async fn plain(row: u32) -> u64 {
    select(row).await
}

#[cached(prefix = "behind", write = "behind")]
async fn behind(row: u32) -> u64 {
    select(row).await
}

#[cached(prefix = "tagged", tags("row:{row}", "rows"))]
async fn tagged(row: u32) -> u64 {
    select(row).await
}

#[cached(prefix = "inner")]
async fn inner(row: u32) -> u64 {
    select(row).await
}

#[cached(prefix = "outer")]
async fn outer(row: u32) -> u64 {
    dawdle(row).await;
    inner(row).await
}

#[cached(prefix = "tree:leaf")]
async fn leaf(row: u32) -> u64 {
    select(row).await
}

#[cached(prefix = "tree")]
async fn branch(row: u32) -> u64 {
    let version = leaf(row).await;
    dawdle(row).await;
    version
}

/// Calls one of the functions that a row is behind.
pub(crate) async fn read(row: u32, through: bool) -> u64 {
    match (row % 10, through) {
        (0..2, _) => plain(row).await,
        (2..4, _) => behind(row).await,
        (4, _) => tagged(row).await,
        (5..9, false) => inner(row).await,
        (5..9, true) => outer(row).await,
        (_, false) => leaf(row).await,
        (_, true) => branch(row).await,
    }
}

/// Commits a new version of a row, and tells the cache: of some rows by the value itself, of the others by invalidating whatever was
/// computed from them.
pub(crate) async fn write(cache: &Cache, row: u32) -> (u64, Result<()>) {
    if let 1 | 3 = row % 10 {
        let entry = if row % 10 == 1 { plain_entry(row) } else { behind_entry(row) };
        let write = entry.begin_write().await.expect("a cache is current");
        let version = commit(row).await;
        return (version, write.commit(version).await);
    }
    let version = commit(row).await;
    (version, invalidate(cache, row).await)
}

async fn invalidate(cache: &Cache, row: u32) -> Result<()> {
    match row % 10 {
        0..2 => plain_entry(row).invalidate().await,
        2..4 => behind_entry(row).invalidate().await,
        4 => cache.invalidate_tags([format!("row:{row}")]).await,
        5..9 => {
            inner_entry(row).invalidate().await?;
            outer_entry(row).invalidate().await
        }
        _ => cache.invalidate_prefix("tree").await,
    }
}
