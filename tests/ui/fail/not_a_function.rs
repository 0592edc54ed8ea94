use tiercache::cached;

#[cached]
struct User {
    id: u64,
}

trait Repo {
    #[cached(skip(self))]
    async fn find(&self, id: u64) -> u64;
}

fn main() {
    let _ = User { id: 1 }.id;
}
