//! The twins of what is refused about addresses.

use tiercache::{cached, entry};

// at, entry, address_of_another_type
entry! {
    /// Where a user is.
    pub fn user_entry(id: u64) -> String;
    prefix = "user", ttl = 300, none_ttl = 30
}
entry! { fn bare(id: u64) -> String }
entry! { fn keyed(user: User, name: &str) -> String; key = (user.id, name) }

struct User {
    id: u64,
}

struct Repo {
    tenant: u64,
}

impl Repo {
    entry! { pub fn entry_of(&self, id: u64) -> String; key = (self.tenant, id) }

    #[cached(at = self.entry_of(id))]
    async fn of_tenant(&self, id: u64) -> Option<String> {
        Some(format!("{id} of {}", self.tenant))
    }

    #[cached(at = user_entry(id), skip(self, trace))]
    async fn find(&self, id: u64, trace: &str) -> Result<String, u64> {
        if trace.is_empty() { Err(id) } else { Ok(id.to_string()) }
    }
}

#[cached(at = user_entry(id), cache_if = |name| !name.is_empty())]
async fn again(id: u64) -> String {
    id.to_string()
}

fn main() {
    let repo = Repo { tenant: 1 };
    drop((bare(1), keyed(User { id: 1 }, "a"), repo.of_tenant(1), repo.find(1, "t"), again(1)));
}
