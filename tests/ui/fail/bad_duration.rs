use tiercache::cached;

const MINUTE: u64 = 60;

#[cached(ttl = 0, l1_ttl = "5 minutes", none_ttl = -1)]
async fn find(id: u64) -> Option<u64> {
    Some(id)
}

#[cached(ttl = MINUTE)]
async fn constant(id: u64) -> u64 {
    id + MINUTE
}

#[cached(ttl = 5m, l1_ttl = "0s")]
async fn suffix(id: u64) -> u64 {
    id
}

fn main() {}
