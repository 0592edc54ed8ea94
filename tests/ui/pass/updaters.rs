//! The twins of what is refused about updaters.

use tiercache::{Entry, cached, updates};

#[cached]
async fn get_user(id: u64) -> u64 {
    id
}

#[cached]
async fn get_name(id: u64) -> String {
    id.to_string()
}

// updates_item
trait Repo {
    async fn rename(&self, id: u64) -> u64;
}

struct Pg;

impl Repo for Pg {
    #[updates(get_user_entry(id))]
    async fn rename(&self, id: u64) -> u64 {
        id
    }
}

#[updates(get_user_entry(id))]
async fn rename(id: u64) -> u64 {
    id
}

#[updates(get_user_entry(1))]
async fn something() -> Result<u64, String> {
    Ok(1)
}

// updates_words
#[updates(get_user_entry(1), |created| get_name_entry(*created))]
async fn created() -> u64 {
    1
}

#[updates(get_user_entry(1), prefix("user"), everything, always, crate = tiercache)]
async fn others() -> u64 {
    1
}

// updates_types
#[updates(get_name_entry(id))]
async fn of_the_type(id: u64) -> Result<String, String> {
    Ok(id.to_string())
}

type Found = Result<Option<u64>, String>;

#[updates(get_user_entry(1))]
async fn perhaps() -> Found {
    Ok(None)
}

#[updates(address)]
async fn address(address: Entry<u64>) -> u64 {
    drop(address);
    1
}

fn main() {
    drop((Pg.rename(1), rename(1), something(), created(), others(), of_the_type(1), perhaps()));
    drop(address(get_user_entry(1)));
}
