//! The twins of what is refused about writers.

use tiercache::{Entry, cached, invalidates};

// invalidates_item
trait Repo {
    async fn rename(&self, id: u64);
}

struct Pg;

impl Repo for Pg {
    #[invalidates(prefix("user"))]
    async fn rename(&self, id: u64) {
        drop(id);
    }
}

#[invalidates(prefix("user"))]
async fn rename(id: u64) {
    drop(id);
}

unsafe fn danger() {}

#[invalidates(prefix("user"))]
async fn safe() {
    // SAFETY: nothing is asked for.
    unsafe { danger() }
}

#[invalidates(prefix("user"))]
async fn numbers() -> Result<std::ops::Range<u64>, String> {
    Ok(0..3)
}

// invalidates_words
#[cached]
async fn get_user(id: u64) -> u64 {
    id
}

#[invalidates(get_user_entry(1), everything)]
async fn all() {}

#[invalidates(prefix("search"))]
async fn literal() {}

#[invalidates(prefix("us-er"), prefix("1"))]
async fn prefixes() {}

#[invalidates(prefix("a"), prefix("b"))]
async fn one_each() {}

#[invalidates(always, get_user_entry(1))]
async fn once() {}

#[invalidates(|id: &u64| get_user_entry(*id), prefix("search"), always)]
async fn always() -> u64 {
    1
}

#[invalidates(|_| get_user_entry(1), |id| get_user_entry(id + id))]
async fn of_one() -> u64 {
    1
}

#[invalidates(get_user_entry(1), get_user_entry(2))]
async fn separated() {}

// invalidates_nothing
#[invalidates(prefix("user"), crate = tiercache)]
async fn something() {}

// invalidates_names
#[invalidates(get_user_entry(id))]
async fn by_name(id: u64) {
    drop(id);
}

#[invalidates(get_user_entry(name.len() as u64))]
async fn of_the_type(name: String) {
    drop(name);
}

#[invalidates(|created| get_user_entry(*created))]
async fn told() -> Result<u64, String> {
    Ok(1)
}

// invalidates_types
#[invalidates(address)]
async fn address(address: Entry<u64>) {
    drop(address);
}

#[invalidates(|(tenant, created)| get_user_entry(tenant + created))]
async fn returned(tenant: u64) -> (u64, u64) {
    (tenant, 1)
}

// What an attribute sees of a `macro_rules!` comes in invisible groups.
macro_rules! writer {
    ($name:ident, $entry:expr, $later:expr, $prefix:literal) => {
        #[invalidates($entry, $later, prefix($prefix))]
        async fn $name(id: u64) -> u64 {
            id
        }
    };
}

writer!(by_macro, get_user_entry(id), |id| get_user_entry(*id), "search");

fn main() {
    drop((Pg.rename(1), rename(1), safe(), numbers(), all(), literal(), prefixes(), one_each(), once(), always()));
    drop((of_one(), separated(), something(), by_name(1), of_the_type(String::new()), told(), returned(1)));
    drop((address(get_user_entry(1)), by_macro(1)));
}
