//! What is cached is what the body returned: nothing else is ever served.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tiercache::{CallExt, Source, cached};

use super::two_instances;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sparse {
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<u64>,
    b: u64,
    c: Vec<u64>,
}

#[tokio::test]
async fn a_codec_that_misreads_silently_never_gives_a_wrong_value() {
    #[cached]
    async fn sparse(id: u64) -> Sparse {
        Sparse { a: None, b: 1, c: vec![5, 0] }
    }
    let expected = Sparse { a: None, b: 1, c: vec![5, 0] };
    let (one, two) = two_instances().await;
    assert_eq!(one.scope(sparse(1)).await, expected);
    assert_eq!(two.scope(sparse(1)).await, expected);
    assert_eq!(one.scope(sparse(1).with_outcome()).await.1.unwrap().source(), Source::L1, "kept in memory");
    let notices = one.health().await.notices;
    assert!(notices.iter().any(|notice| notice.contains("sparse") && notice.contains("bincode")), "{notices:?}");
}

#[tokio::test]
async fn a_type_that_the_codec_cannot_read_is_kept_in_memory_only_and_reported() {
    #[cached]
    async fn json(id: u64) -> serde_json::Value {
        serde_json::json!({ "id": id })
    }
    #[cached(codec = "json")]
    async fn json_as_json(id: u64) -> serde_json::Value {
        serde_json::json!({ "id": id })
    }
    let (one, two) = two_instances().await;
    for cache in [&one, &two] {
        assert_eq!(cache.scope(json(1)).await["id"], 1);
        assert_eq!(cache.scope(json_as_json(1)).await["id"], 1);
    }
    assert_eq!(one.scope(json(1).with_outcome()).await.1.unwrap().source(), Source::L1);
    assert_eq!(two.stats().total.l2_hits, 1, "as JSON it is shared");
    assert_eq!(one.health().await.notices.len(), two.health().await.notices.len());
    assert!(one.health().await.notices.iter().any(|notice| notice.contains("memory only")));
}

#[tokio::test]
async fn unordered_collections_come_back_equal() {
    #[cached]
    async fn sets(n: u64) -> (HashMap<u64, String>, HashSet<u64>) {
        ((0..n).map(|n| (n, n.to_string())).collect(), (0..n).collect())
    }
    let (one, two) = two_instances().await;
    let expected = one.scope(sets(200)).await;
    assert_eq!(two.scope(sets(200)).await, expected);
    assert_eq!(two.stats().total.l2_hits, 1);
}

#[tokio::test]
async fn shared_values_are_shared_in_memory() {
    #[cached]
    async fn big(id: u64) -> Arc<Vec<u64>> {
        Arc::new(vec![id; 1_000])
    }
    let (cache, other) = two_instances().await;
    let (first, second) = cache.scope(async { (big(1).await, big(1).await) }).await;
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(other.scope(big(1)).await, first);
}

#[tokio::test]
async fn a_value_over_the_size_limit_is_kept_in_memory_only() {
    #[cached]
    async fn big(id: u64) -> Vec<u8> {
        vec![1; 10_000]
    }
    let l2 = tiercache::Memory::new();
    let build = || {
        let deadline = std::time::Duration::from_secs(10);
        tiercache::Cache::builder().max_value_bytes(5_000).l2(l2.clone()).l2_deadline(deadline).build()
    };
    let (one, two) = (build().await.unwrap(), build().await.unwrap());
    one.scope(big(1)).await;
    assert_eq!(one.scope(big(1).with_outcome()).await.1.unwrap().source(), Source::L1);
    assert_eq!(two.scope(big(1).with_outcome()).await.1.unwrap().source(), Source::Loader);
}
