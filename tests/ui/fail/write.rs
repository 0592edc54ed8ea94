use tiercache::{cached, entry};

#[cached(write = "back")]
async fn find(id: u64) -> u64 {
    id
}

#[cached(write = behind)]
async fn bare(id: u64) -> u64 {
    id
}

entry! { fn user_entry(id: u64) -> u64; write = "later" }

#[cached(at = user_entry(id), write = "behind")]
async fn beside(id: u64) -> u64 {
    id
}

fn main() {}
