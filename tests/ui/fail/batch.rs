//! What a batch cannot be.

use std::collections::HashMap;

use tiercache::cached;

#[cached]
async fn get_user(id: u64) -> u64 {
    id
}

#[cached(batch(idz, get_user_entry))]
async fn unknown(ids: &[u64]) -> HashMap<u64, u64> {
    drop(ids);
    HashMap::new()
}

#[cached(batch(ids, get_user_entry))]
async fn no_list(ids: u64) -> HashMap<u64, u64> {
    HashMap::from([(ids, ids)])
}

#[cached(batch(ids))]
async fn no_entry(ids: &[u64]) -> HashMap<u64, u64> {
    drop(ids);
    HashMap::new()
}

#[cached(batch(ids, get_user_entry))]
async fn no_map(ids: &[u64]) -> Result<Vec<u64>, String> {
    Ok(ids.to_vec())
}

#[cached(batch(ids, get_user_entry))]
async fn no_output(ids: &[u64]) {
    drop(ids);
}

#[cached(batch(ids, get_user_entry))]
async fn impl_trait(ids: &[u64]) -> impl Iterator<Item = u64> {
    ids.to_vec().into_iter()
}

#[cached(batch(ids, get_user_entry), ttl = 300, skip(limit))]
async fn options(ids: &[u64], limit: usize) -> HashMap<u64, u64> {
    ids.iter().take(limit).map(|id| (*id, *id)).collect()
}

#[cached(batch(ids, |first, second| get_user_entry(*first)))]
async fn of_two(ids: &[u64]) -> HashMap<u64, u64> {
    drop(ids);
    HashMap::new()
}

#[cached(batch(ids, get_user_entry(1)))]
async fn no_function(ids: &[u64]) -> HashMap<u64, u64> {
    drop(ids);
    HashMap::new()
}

#[cached(batch(ids, get_user_entry))]
fn not_async(ids: &[u64]) -> HashMap<u64, u64> {
    drop(ids);
    HashMap::new()
}

struct Users;

impl Users {
    #[cached(batch(ids, get_user_entry))]
    async fn by_value(self, ids: &[u64]) -> HashMap<u64, u64> {
        drop(ids);
        HashMap::new()
    }
}

fn main() {}
