use async_trait::async_trait;
use tiercache::cached;

#[cached(entry = false, value = u64)]
async fn find(id: u64) -> u64 {
    id
}

#[async_trait]
trait Repo {
    async fn find(&self, id: u64) -> u64;
    async fn other(&self, id: u64) -> u64;
}

#[async_trait]
impl Repo for u8 {
    #[cached(skip(self), entry = find_address)]
    async fn find(&self, id: u64) -> u64 {
        id
    }

    #[cached(skip(self), value = u64)]
    async fn other(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
