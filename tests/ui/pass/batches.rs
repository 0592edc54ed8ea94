//! The twins of what is refused about batches, and the contexts that they may be in.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use tiercache::{Cache, Key, Policy, cached, entry};

#[cached]
async fn get_user(id: u64) -> u64 {
    id
}

// batch
#[cached(batch(ids, get_user_entry))]
async fn known(ids: &[u64]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, *id)).collect()
}

#[cached(batch(ids, get_user_entry))]
async fn list(ids: Vec<u64>) -> Result<HashMap<u64, u64>, String> {
    Ok(ids.into_iter().map(|id| (id, id)).collect())
}

#[cached(batch(ids, |id| get_user_entry(*id)), crate = ::tiercache)]
async fn closure(ids: &[u64], limit: usize) -> BTreeMap<u64, u64> {
    ids.iter().take(limit).map(|id| (*id, *id)).collect()
}

struct Users {
    tenant: String,
}

entry! { fn of_tenant(tenant: &str, id: &str) -> String }

impl Users {
    #[cached(batch(ids, |id| of_tenant(&self.tenant, id)))]
    async fn by_reference(&self, ids: &[String]) -> HashMap<String, String> {
        ids.iter().map(|id| (id.clone(), format!("{id} of {}", self.tenant))).collect()
    }
}

#[async_trait]
trait Boxed {
    async fn all(&self, mut ids: Vec<String>) -> Result<HashMap<String, String>, String>;
}

#[async_trait]
impl Boxed for Users {
    #[cached(batch(ids, |id| of_tenant(&self.tenant, id)))]
    async fn all(&self, mut ids: Vec<String>) -> Result<HashMap<String, String>, String> {
        ids.sort();
        Ok(ids.into_iter().map(|id| (id.clone(), id)).collect())
    }
}

// batch_types
type Found<K, V> = Result<HashMap<K, V>, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Clone)]
struct Again(u64);

#[cached(batch(ids, get_user_entry))]
async fn again(ids: &[u64], again: Again, mut text: String, db: &Arc<str>) -> Found<u64, u64> {
    text.push('1');
    let one: u64 = text.parse()?;
    if ids.is_empty() {
        return Err("none".into());
    }
    let _ = db;
    tokio::task::yield_now().await;
    Ok(ids.iter().map(|id| (*id, id * one + again.0)).collect())
}

#[cached(batch(names, |name| of_tenant("shop", name)))]
async fn borrowed<'a>(names: &[&'a str]) -> HashMap<&'a str, String> {
    names.iter().map(|name| (*name, (*name).to_owned())).collect()
}

// What the body's future may, the function's may.
async fn spawned(cache: Cache) {
    let users = Arc::new(Users { tenant: "shop".into() });
    let task = async move {
        let _ = (known(&[1]).await, list(vec![1]).await, closure(&[2], 1).await);
        let _ = again(&[1], Again(0), String::new(), &Arc::from("db")).await;
        let _ = (users.by_reference(&["a".into()]).await, users.all(vec!["b".into()]).await);
        let _ = borrowed(&["c"]).await;
    };
    tokio::spawn(async move { cache.scope(task).await }).await.unwrap();
}

async fn direct(cache: Cache) {
    let task = async move {
        let keys = [Key::new("a", &1).unwrap()];
        cache.set_many([(&keys[0], &1_u64)], &Policy::new()).await.unwrap();
        cache.queue_invalidation(&keys[0]);
        cache.flush_invalidations().await.unwrap();
        cache.get_many::<u64>(&keys).await
    };
    assert_eq!(tokio::spawn(task).await.unwrap(), [None]);
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let cache = Cache::builder().build().await.unwrap();
    spawned(cache.clone()).await;
    direct(cache).await;
}
