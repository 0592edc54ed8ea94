use tiercache::cached;

struct Repo;

impl Repo {
    #[cached(ttl = 0, prefix = "a b", skip(db), unknown = 1)]
    async fn find(&self, (a, b): (u64, u64)) -> &str {
        let _ = a + b;
        ""
    }
}

fn main() {
    let _ = Repo.find((1, 2));
}
