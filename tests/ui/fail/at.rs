use tiercache::{cached, entry};

entry! { pub fn user_entry(id: u64) -> u64; prefix = "user" }

struct Repo;

impl Repo {
    #[cached(at = user_entry(id), ttl = 3, key = id, entry = false)]
    async fn find(&self, id: u64, tenant: u64) -> u64 {
        id + tenant
    }

    #[cached(at = user_entry(id), skip(self, id))]
    async fn skipped(&self, id: u64) -> u64 {
        id
    }
}

fn main() {
    let _ = Repo.find(1, 2);
    let _ = Repo.skipped(1);
}
