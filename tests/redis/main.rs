//! L2 in a real Redis.

mod batch;
mod behind;
mod bus;
mod coherence;
mod fleet;
mod hot;
mod lease;
mod other_process;
mod propagation;
mod queued;
mod races;
mod reclaim;
mod rollback;
mod stale;
mod stored_bytes;
mod tagged;
mod tags;
mod tier;
mod tls;
mod updates;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tiercache::{Cache, Redis};
use tiercache_tests::RedisServer;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
    roles: Vec<String>,
}

impl User {
    fn new(id: u64) -> Self {
        Self { id, name: format!("user {id}"), roles: vec!["reader".into(), "writer".into()] }
    }
}

/// An instance over `server`, patient with a machine that is busy with other tests.
async fn instance(server: &RedisServer) -> Cache {
    at(&server.url(), "shop").await
}

async fn at(url: &str, namespace: &str) -> Cache {
    let redis = Redis::new(url).expect("the URL is well formed").connect_timeout(Duration::from_secs(10));
    let builder = Cache::builder().namespace(namespace).l2(redis).l2_deadline(Duration::from_secs(10));
    builder.build().await.expect("nothing is wrong with this")
}
