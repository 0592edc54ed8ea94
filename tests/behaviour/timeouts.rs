//! `timeout` holds for every call of its function, also for those that go past the cache.

use std::time::Duration;

use tiercache::{CallExt, Key, Source, TimedOut, cached, entry};
use tiercache_tests::Calls;
use tokio::time::Instant;

use super::in_memory;

#[derive(Clone, Debug, PartialEq)]
struct Late;

impl From<TimedOut> for Late {
    fn from(_: TimedOut) -> Self {
        Self
    }
}

const LIMIT: Duration = Duration::from_secs(2);

/// A call that goes past the cache and whose body ends by itself after a minute.
async fn is_late<F: Future<Output = Result<u64, Late>>>(call: F) {
    let begun = Instant::now();
    let (output, outcome) = call.with_outcome().await;
    assert_eq!((output, outcome.unwrap().source()), (Err(Late), Source::Bypass));
    assert_eq!(begun.elapsed(), LIMIT);
}

async fn minute(ended: &Calls) -> Result<u64, Late> {
    tokio::time::sleep(Duration::from_secs(60)).await;
    ended.hit();
    Ok(1)
}

#[cached(timeout = "2s", skip(ended))]
async fn slow(id: u64, ended: &Calls) -> Result<u64, Late> {
    minute(ended).await.map(|one| id + one)
}

#[cached(timeout = "2s", detach, skip(ended))]
async fn apart(id: u64, ended: Calls) -> Result<u64, Late> {
    minute(&ended).await.map(|one| id + one)
}

entry! { fn slow_at_entry(id: u64) -> u64; prefix = "slow:at" }

#[cached(at = slow_at_entry(id), timeout = "2s", skip(ended))]
async fn slow_at(id: u64, ended: &Calls) -> Result<u64, Late> {
    minute(ended).await.map(|one| id + one)
}

#[tokio::test(start_paused = true)]
async fn a_call_that_asks_to_go_past_the_cache_ends_in_time() {
    let (cache, ended) = (in_memory().await, Calls::new());
    cache
        .scope(async {
            is_late(slow(1, &ended).uncached()).await;
            is_late(apart(1, ended.clone()).uncached()).await;
            is_late(slow_at(1, &ended).uncached()).await;
        })
        .await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(ended.get(), 0, "they were dropped");
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_key_cannot_be_made_ends_in_time() {
    #[derive(Debug)]
    struct NoKey;
    impl serde::Serialize for NoKey {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no key"))
        }
    }
    #[cached(timeout = "2s")]
    async fn hangs(key: &NoKey) -> Result<u64, Late> {
        let _ = key;
        std::future::pending().await
    }
    assert!(Key::new("key", &NoKey).is_err());
    let cache = in_memory().await;
    cache.scope(is_late(hangs(&NoKey))).await;
}
