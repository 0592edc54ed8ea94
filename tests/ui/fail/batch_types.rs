//! What rustc says of a batch whose types do not fit.

use std::collections::HashMap;

use tiercache::cached;

#[cached]
async fn get_user(id: u64) -> String {
    id.to_string()
}

#[cached(batch(ids, get_user_entry))]
async fn other_value(ids: &[u64]) -> HashMap<u64, u32> {
    drop(ids);
    HashMap::new()
}

#[cached(batch(ids, get_user_entry))]
async fn other_id(ids: &[u32]) -> HashMap<u32, String> {
    drop(ids);
    HashMap::new()
}

#[cached(batch(ids, get_user_entry))]
async fn other_key(ids: &[u64]) -> HashMap<String, String> {
    drop(ids);
    HashMap::new()
}

struct Pairs;

#[cached(batch(ids, get_user_entry))]
async fn no_map(ids: &[u64]) -> Result<Pairs, String> {
    drop(ids);
    Ok(Pairs)
}

struct Once(u64);

#[cached(batch(ids, get_user_entry))]
async fn not_again(ids: &[u64], once: Once) -> HashMap<u64, String> {
    ids.iter().map(|id| (*id, once.0.to_string())).collect()
}

fn main() {}
