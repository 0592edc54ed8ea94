//! The twins of what is refused about functions, their arguments and what they return.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tiercache::cached;

// not_a_function: the implementation has a body.
trait Repo {
    async fn find(&self, id: u64) -> u64;
}

struct Pg {
    tenant: u64,
}

impl Repo for Pg {
    #[cached(skip(self), entry = false)]
    async fn find(&self, id: u64) -> u64 {
        id
    }
}

// not_async
#[cached]
async fn find(id: u64) -> u64 {
    id
}

#[cached]
fn boxed(id: u64) -> Pin<Box<dyn Future<Output = u64>>> {
    Box::pin(async move { id })
}

// qualified
unsafe fn danger(id: u64) -> u64 {
    id
}

#[cached]
async fn safe(id: u64) -> u64 {
    // SAFETY: nothing is asked for.
    unsafe { danger(id) }
}

// nothing_to_store
#[cached]
async fn checked(id: u64) -> Result<bool, String> {
    if id == 0 { Err("zero".to_owned()) } else { Ok(true) }
}

// impl_return
#[cached]
async fn numbers(n: u64) -> Vec<u64> {
    (0..n).collect()
}

// borrowed_return
#[cached]
async fn name(name: &str) -> String {
    name.to_owned()
}

#[cached]
async fn found(name: &str) -> Result<Option<Box<str>>, &'static str> {
    Ok(Some(name.into()))
}

// mutable, self_undecided
impl Pg {
    #[cached(skip(self))]
    async fn shared(&self, id: u64) -> u64 {
        id
    }

    #[cached(key = (self.tenant, id))]
    async fn of_tenant(self: Arc<Self>, id: u64) -> u64 {
        id + self.tenant
    }
}

#[cached(skip(each))]
async fn filled(mut id: u64, each: impl FnMut(&mut u64)) -> u64 {
    let mut each = each;
    each(&mut id);
    id
}

// pattern
#[cached]
async fn sum(pair: (u64, u64), _unused: u64) -> u64 {
    let (a, b) = pair;
    a + b
}

// hash_set
#[cached]
async fn count(ids: BTreeSet<u64>) -> usize {
    ids.len()
}

#[cached(key = ids.iter().collect::<BTreeSet<_>>())]
async fn named(ids: std::collections::HashSet<u64>) -> usize {
    ids.len()
}

// conditional_argument
#[cfg(all())]
#[cached]
async fn conditional(id: u64) -> u64 {
    id
}

#[cfg(any())]
#[cached]
async fn conditional(id: Missing) -> Missing {
    id
}

#[cached(skip(tenant))]
async fn skipped(id: u64, #[cfg(all())] tenant: u64) -> u64 {
    id + tenant
}

// type_is_no_key, type_cannot_be_stored
#[derive(Clone, Serialize, Deserialize)]
struct User {
    id: u64,
}

struct Opaque(u64);

#[cached(key = (user.id, opaque.0))]
async fn stored(user: User, opaque: Opaque) -> Result<User, Opaque> {
    if user.id == 0 { Err(opaque) } else { Ok(user) }
}

// companion: under `#[async_trait]` the address is declared by itself.
#[async_trait]
trait Boxed {
    async fn find_boxed(&self, id: u64) -> u64;
}

#[async_trait]
impl Boxed for Pg {
    #[cached(skip(self), entry = false)]
    async fn find_boxed(&self, id: u64) -> u64 {
        id
    }
}

fn main() {
    let pg = Arc::new(Pg { tenant: 1 });
    drop((pg.find(1), find(1), boxed(1), safe(1), checked(1), numbers(1), name("a"), found("a"), pg.shared(1)));
    drop((pg.clone().of_tenant(1), filled(1, |id| *id += 1), sum((1, 2), 3), count(BTreeSet::new())));
    drop((named([1].into()), conditional(1), skipped(1, 2), stored(User { id: 1 }, Opaque(1)), pg.find_boxed(1)));
}
