use tiercache::invalidates;

#[invalidates(prefix("user"))]
struct User {
    id: u64,
}

trait Repo {
    #[invalidates(prefix("user"))]
    async fn rename(&self, id: u64);
}

#[invalidates(prefix("user"))]
fn rename(id: u64) {
    drop(id);
}

#[invalidates(prefix("user"))]
async unsafe fn danger() {}

#[invalidates(prefix("user"))]
async fn numbers() -> Result<impl Iterator<Item = u64>, String> {
    Ok(0..3)
}

fn main() {
    let _ = User { id: 1 }.id;
    rename(1);
}
