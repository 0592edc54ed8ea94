use std::collections::HashSet;

use tiercache::cached;

#[cached]
async fn count(ids: HashSet<u64>, more: &[HashSet<u64>]) -> usize {
    ids.len() + more.len()
}

#[cached(key = (ids))]
async fn named(ids: HashSet<u64>) -> usize {
    ids.len()
}

fn main() {}
