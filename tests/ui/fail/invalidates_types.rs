use tiercache::{cached, invalidates};

#[cached]
async fn get_user(id: u64) -> u64 {
    id
}

#[invalidates(id)]
async fn no_address(id: u64) {
    drop(id);
}

#[invalidates(|id| *id)]
async fn told_no_address() -> u64 {
    1
}

#[invalidates(|created| get_user_entry(tenant + created))]
async fn captured(tenant: u64) -> u64 {
    tenant
}

fn main() {}
