use tiercache::{cached, updates};

#[cached]
async fn get_user(id: u64) -> u64 {
    id
}

#[updates(get_user_entry(1))]
struct User {
    id: u64,
}

trait Repo {
    #[updates(get_user_entry(id))]
    async fn rename(&self, id: u64) -> u64;
}

#[updates(get_user_entry(id))]
fn rename(id: u64) -> u64 {
    id
}

#[updates(get_user_entry(1))]
async unsafe fn danger() -> u64 {
    1
}

#[updates(get_user_entry(1))]
async fn nothing() {}

#[updates(get_user_entry(1))]
async fn nothing_but_success() -> Result<(), String> {
    Ok(())
}

fn main() {
    let _ = User { id: 1 }.id;
    rename(1);
}
