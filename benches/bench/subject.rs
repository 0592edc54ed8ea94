//! What is cached: a value as services have them, and the functions that give it.

#![allow(clippy::unused_async, reason = "bodies that ask no database; the lint looks into what `cached` makes of them")]

use std::collections::HashSet;
use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tiercache::{Cache, L1, cached};
use tokio::runtime::{Builder, Runtime};

use crate::Result;

/// How many keys are hot.
pub(crate) const KEYS: u64 = 10_000;
/// Room for them all, also where an engine divides it among shards.
pub(crate) const CAPACITY: usize = 2 * KEYS as usize;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct User {
    id: u64,
    name: String,
    mail: String,
    roles: Vec<String>,
}

impl User {
    pub(crate) fn new(id: u64) -> Self {
        let roles = ["reader", "writer", "admin"].map(str::to_owned).to_vec();
        Self { id, name: format!("user {id}"), mail: format!("{id}@shop.test"), roles }
    }
}

#[cached(ttl = "1h")]
pub(crate) async fn ours(id: u64) -> User {
    User::new(id)
}

#[cached(ttl = "1h")]
pub(crate) async fn ours_shared(id: u64) -> Arc<User> {
    Arc::new(User::new(id))
}

/// The same by the crate `cached`: one tier, no statistics, an LRU behind one lock.
#[cached::macros::cached(max_size = 20_000)]
pub(crate) async fn theirs(id: u64) -> User {
    User::new(id)
}

#[cached::macros::cached(max_size = 20_000)]
pub(crate) async fn theirs_shared(id: u64) -> Arc<User> {
    Arc::new(User::new(id))
}

/// All keys, in an order that no prefetcher foresees; the same for every contestant.
pub(crate) fn shuffled() -> Vec<u64> {
    let mut ids: Vec<u64> = (0..KEYS).collect();
    fastrand::Rng::with_seed(7).shuffle(&mut ids);
    ids
}

/// As many calls, of few keys: what they need stays in the processor's nearest caches, and what is left is the work.
pub(crate) fn few() -> Vec<u64> {
    shuffled().iter().map(|id| id % 100).collect()
}

pub(crate) fn distinct(ids: &[u64]) -> usize {
    ids.iter().collect::<HashSet<_>>().len()
}

/// The engine in a case's name.
pub(crate) fn engine(case: &str) -> &str {
    case.split('/').nth(1).unwrap_or(case)
}

pub(crate) fn current_thread() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

pub(crate) fn multi_thread() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Installs a cache of memory alone, with this engine.
pub(crate) fn install(engine: &str) -> Result<Cache> {
    let l1 = L1::named(engine)?.max_entries(CAPACITY as u64);
    let cache = current_thread()?.block_on(Cache::builder().l1(l1).build())?;
    cache.install()?;
    Ok(cache)
}

/// Fills a cache, in the order of the ids: values that lie in memory in the order in which they are read would be read faster.
pub(crate) fn fill<V, F: Future<Output = V>>(function: impl Fn(u64) -> F) -> Result {
    let ids: Vec<u64> = (0..KEYS).collect();
    current_thread()?.block_on(each(&ids, function));
    Ok(())
}

/// Calls `function` with every key, in one future.
pub(crate) async fn each<V, F: Future<Output = V>>(ids: &[u64], function: impl Fn(u64) -> F) {
    for &id in ids {
        drop(black_box(function(id).await));
    }
}
