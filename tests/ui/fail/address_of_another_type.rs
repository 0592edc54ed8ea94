use tiercache::{cached, entry};

entry! { pub fn user_entry(id: u64) -> String; prefix = "user" }

#[cached(at = user_entry(id))]
async fn find(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {
    let _ = user_entry("wrong");
}
