//! The installed cache is the process's.

use tiercache::{Cache, CallExt, ErrorKind, Source, TimedOut, cached};

use super::in_memory;
use super::running::block_on;

#[cached]
async fn plain(id: u64) -> u64 {
    id
}

#[derive(Debug, PartialEq)]
struct Late;

impl From<TimedOut> for Late {
    fn from(_: TimedOut) -> Self {
        Self
    }
}

#[cached(timeout = "20ms")]
async fn hangs(id: u64) -> Result<u64, Late> {
    let _ = id;
    std::future::pending().await
}

/// One test, as it is about what happens once in a process.
#[tokio::test]
async fn a_function_runs_uncached_until_a_cache_is_installed_once() {
    let (_, outcome) = plain(1).with_outcome().await;
    assert_eq!(outcome.unwrap().source(), Source::Bypass);
    assert_eq!(plain_entry(1).key().unwrap_err().kind(), ErrorKind::NotInstalled);
    assert_eq!(plain_entry(1).invalidate().await.unwrap_err().kind(), ErrorKind::NotInstalled);
    assert_eq!(plain_entry(1).begin_write().await.unwrap_err().kind(), ErrorKind::NotInstalled);
    assert_eq!(plain_entry(1).peek().await, None);
    // Its time is limited all the same, by the clock of the process where there is no runtime.
    assert_eq!(hangs(1).await, Err(Late));
    assert_eq!(std::thread::spawn(|| block_on(hangs(1))).join().unwrap(), Err(Late));

    let cache = in_memory().await;
    cache.install().unwrap();
    assert!(Cache::installed().is_some());
    let error = in_memory().await.install().unwrap_err();
    assert!(error.kind() == ErrorKind::Config && error.to_string().contains("scope"), "{error}");

    plain(1).await;
    assert_eq!(tokio::spawn(plain(1).with_outcome()).await.unwrap().1.unwrap().source(), Source::L1);
    let other = in_memory().await;
    assert_eq!(other.scope(plain(1).with_outcome()).await.1.unwrap().source(), Source::Loader);
    assert_eq!(plain(1).with_outcome().await.1.unwrap().source(), Source::L1);
}

#[tokio::test]
async fn scopes_nest_and_end() {
    let (outer, inner) = (in_memory().await, in_memory().await);
    outer
        .scope(async {
            plain(5).await;
            inner.scope(plain(5)).await;
            plain(5).await;
        })
        .await;
    assert_eq!((outer.stats().total.requests, inner.stats().total.requests), (2, 1));
}
