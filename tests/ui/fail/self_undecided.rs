use tiercache::cached;

struct Repo;

impl Repo {
    #[cached]
    async fn find(&self, id: u64) -> u64 {
        id
    }

    #[cached(key = id)]
    async fn keyed(&self, id: u64) -> u64 {
        id
    }
}

fn main() {
    let _ = Repo.find(1);
    let _ = Repo.keyed(1);
}
