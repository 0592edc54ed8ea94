use serde::Serialize;
use tiercache::cached;

#[derive(Clone, Serialize)]
struct User {
    id: u64,
}

#[cached]
async fn find(id: u64) -> Result<User, String> {
    Ok(User { id })
}

#[cached]
async fn all(id: u64) -> Vec<User> {
    vec![User { id }]
}

#[cached(entry = false)]
async fn without_companion(id: u64) -> Option<User> {
    Some(User { id })
}

fn main() {}
