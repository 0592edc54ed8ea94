use std::pin::Pin;

use tiercache::cached;

struct Repo;

impl Repo {
    #[cached(skip(self))]
    async fn find(&mut self, id: u64) -> u64 {
        id
    }

    #[cached(skip(self))]
    async fn pinned(self: Pin<&mut Self>, id: u64) -> u64 {
        id
    }
}

#[cached(skip(out))]
async fn fill(id: u64, out: &mut Vec<u64>) -> u64 {
    out.push(id);
    id
}

fn main() {
    let _ = Repo.find(1);
}
