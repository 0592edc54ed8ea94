use tiercache::cached;

#[cached(ttl, prefix "user", skip = id, version = 1 2, key)]
async fn find(id: u64) -> u64 {
    id
}

fn main() {}
