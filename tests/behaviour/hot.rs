//! Hot keys over a restart, without a server.

use std::time::Duration;

use tiercache::{Cache, CallExt, Embedded, Source, cached};
use tiercache_tests::eventually;

#[cached(ttl = 300)]
async fn find(id: u64) -> u64 {
    id
}

#[tokio::test]
async fn the_embedded_store_keeps_hot_keys_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("l2.redb");
    let open = || async {
        let builder = Cache::builder().l2(Embedded::open(&path).unwrap()).l2_deadline(Duration::from_secs(10));
        builder.keep_hot_keys(10).build().await.unwrap()
    };
    let cache = open().await;
    cache
        .scope(async {
            for _ in 0..200 {
                find(1).await;
            }
        })
        .await;
    cache.close().await.unwrap();
    drop(cache);
    let next = open().await;
    next.scope(find(2)).await;
    eventually(|| async { next.stats().total.l1_entries == 2 }, Duration::from_secs(10)).await;
    let (_, outcome) = next.scope(find(1).with_outcome()).await;
    assert_eq!(outcome.unwrap().source(), Source::L1);
}
