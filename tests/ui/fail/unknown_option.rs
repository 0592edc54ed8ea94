use tiercache::cached;

#[cached(tll = 300, negative = 1, "x", ttl = 1, ttl = 2, tags("user"))]
async fn find(id: u64) -> u64 {
    id
}

fn main() {}
