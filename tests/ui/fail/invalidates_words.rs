use tiercache::{cached, invalidates};

#[cached]
async fn get_user(id: u64) -> u64 {
    id
}

#[invalidates(get_user_entry(1), all)]
async fn unknown() {}

#[invalidates(get_user_entry(1), ttl = 300)]
async fn option() {}

#[invalidates("search")]
async fn literal() {}

#[invalidates(prefix("us er"), prefix(1))]
async fn bad_prefix() {}

#[invalidates(prefix("a", "b"), prefix())]
async fn malformed() {}

#[invalidates(always, get_user_entry(1), always)]
async fn twice() {}

#[invalidates(|id: &u64| get_user_entry(*id), always)]
async fn always_what() -> u64 {
    1
}

#[invalidates(|| get_user_entry(1), |id, other| get_user_entry(id + other))]
async fn not_of_one() -> u64 {
    1
}

#[invalidates(get_user_entry(1) get_user_entry(2), +)]
async fn unreadable() {}

fn main() {
    drop(twice());
}
