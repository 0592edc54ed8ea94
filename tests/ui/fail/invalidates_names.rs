use tiercache::{cached, invalidates};

#[cached]
async fn get_user(id: u64) -> u64 {
    id
}

#[invalidates(get_usr_entry(id))]
async fn no_such_name(id: u64) {
    drop(id);
}

#[invalidates(get_user_entry(name))]
async fn another_type(name: String) {
    drop(name);
}

#[invalidates(|created| get_user_entry(created.id))]
async fn no_such_field() -> Result<u64, String> {
    Ok(1)
}

fn main() {}
