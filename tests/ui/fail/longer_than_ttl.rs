use tiercache::cached;

#[cached(ttl = "5m", l1_ttl = 301)]
async fn find(id: u64) -> u64 {
    id
}

fn main() {}
