use tiercache::{cached, updates};

#[cached]
async fn get_user(id: u64) -> u64 {
    id
}

#[updates]
async fn bare() -> u64 {
    1
}

#[updates(|created| get_user_entry(*created))]
async fn created() -> u64 {
    1
}

#[updates("user")]
async fn literal() -> u64 {
    1
}

#[updates(prefix("user"), get_user_entry(1))]
async fn prefix_first() -> u64 {
    1
}

#[updates(everything)]
async fn everything() -> u64 {
    1
}

#[updates(always, get_user_entry(1))]
async fn always_first() -> u64 {
    1
}

#[updates(get_user_entry(1), always, always, all, "search", ttl = 3)]
async fn others() -> u64 {
    1
}

fn main() {
    drop((bare(), others()));
}
