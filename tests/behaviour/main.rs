//! What a user sees of a cached function.

mod batch;
mod behind;
mod calls;
mod configuration;
mod contexts;
mod corners;
mod direct;
mod entries;
mod flight;
mod hot;
mod identity;
mod install;
mod invalidation;
mod loads;
mod many;
mod named;
mod policy;
mod put_off;
mod queued;
mod races;
mod running;
mod stale;
mod stale_with;
mod statistics;
mod tagged;
mod tags;
mod tiers;
mod timeouts;
mod updaters;
mod values;
mod waits;
mod warm;
mod writers;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tiercache::{Cache, Memory};

/// What most tests cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
}

impl User {
    fn new(id: u64) -> Self {
        Self { id, name: format!("user {id}") }
    }
}

/// A cache of memory alone.
async fn in_memory() -> Cache {
    Cache::builder().build().await.expect("a memory-only cache needs nothing")
}

/// Two instances over one L2.
async fn two_instances() -> (Cache, Cache) {
    let l2 = Memory::new();
    (over(&l2).await, over(&l2).await)
}

async fn over(l2: &Memory) -> Cache {
    // A machine that is busy with other tests must not look like an L2 that is down.
    let deadline = Duration::from_secs(10);
    Cache::builder().l2(l2.clone()).l2_deadline(deadline).build().await.expect("nothing is wrong with this")
}
