use tiercache::{cached, updates};

#[cached]
async fn get_user(id: u64) -> u64 {
    id
}

#[updates(get_user_entry(id))]
async fn another_type(id: u64) -> Result<String, String> {
    Ok(id.to_string())
}

type Nothing = Result<(), String>;

#[updates(get_user_entry(1))]
async fn nothing() -> Nothing {
    Ok(())
}

#[updates(get_user_entry(1))]
async fn perhaps_of_another_type() -> Result<Option<String>, String> {
    Ok(None)
}

#[updates(id)]
async fn no_address(id: u64) -> u64 {
    id
}

fn main() {}
