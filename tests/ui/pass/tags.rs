//! The twins of what is refused about tags.

use std::fmt::Display;

use tiercache::{cached, entry, invalidates};

const TEAM: &str = "red";

#[cached(tags("users", "user:{id}", "{{{id:?}}}", TEAM, "{TEAM}:{id:>8}", id, format!("{}-{id}", TEAM)))]
async fn every_form(id: u64) -> u64 {
    id
}

#[cached(skip(db), key = (id, tenant.0, width), tags("user:{id}", tenant.0, "{width:>width$}"), entry = address, prefix = "p")]
async fn named_in_key(db: u64, id: u64, tenant: (String, u64), width: usize) -> u64 {
    db + id + tenant.1 + width as u64
}

struct Users {
    tenant: String,
}

impl Users {
    #[cached(key = (self.tenant, id), tags(format!("tenant:{}:{id}", self.tenant)))]
    async fn find<T: Display + Send + Sync>(&self, id: u64, unused: &[T]) -> u64 {
        id
    }
}

entry! { fn user_entry<const N: usize>(id: u64, name: &str) -> u64; tags("user:{id}", name, "{N}") }

#[cached(at = user_entry::<3>(id, "Ada"))]
async fn at(id: u64) -> u64 {
    id
}

#[invalidates(tags("user:{id}", name), user_entry::<3>(id, &name), tags("{TEAM}"))]
async fn writes(id: u64, name: String) {
    drop((id, name));
}

macro_rules! tagged {
    ($name:ident, $tag:literal, $value:expr) => {
        #[cached(tags($tag, $value))]
        async fn $name() -> u64 {
            1
        }
    };
}

tagged!(by_macro, "a", 1 + 2);

fn spawned<F: Future + Send + 'static>(_: F) {}

fn main() {
    spawned(every_form(1));
    spawned(at(1));
    spawned(writes(1, String::new()));
    drop((by_macro(), named_in_key(1, 2, (String::new(), 1), 2), address(1, (String::new(), 1), 1)));
    let users = Users { tenant: String::new() };
    drop((users.find(1, &[1]), users.find_entry(1)));
}
