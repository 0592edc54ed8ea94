use tiercache::{cached, entry};

entry! { pub fn user_entry(id: u64) -> User; prefix = "us er", cache_if = |user| true, tll = 3 }
entry! { async fn awaited(id: u64) -> User }
entry! { fn nothing(id: u64) }
entry! { fn unused(id: u64, tenant: u64) -> User; key = id }
entry! { struct User }

type User = u64;

struct Repo;

impl Repo {
    entry! { fn of_self(&self, id: u64) -> User }
}

#[cached(at = user_entry(id))]
async fn user(id: u64) -> User {
    id
}

fn main() {
    let _ = Repo.of_self(1);
}
