use tiercache::cached;

#[cached(prefix = "user profile")]
async fn space(id: u64) -> u64 {
    id
}

#[cached(prefix = "user:")]
async fn segment(id: u64) -> u64 {
    id
}

#[cached(prefix = "")]
async fn empty(id: u64) -> u64 {
    id
}

#[cached]
async fn größe(id: u64) -> u64 {
    id
}

fn main() {}
