use tiercache::cached;

#[cached(skip(bd, id, id))]
async fn find(db: u64, id: u64) -> u64 {
    db + id
}

#[cached(key = (tenat, id))]
async fn of_tenant(tenant: u64, id: u64) -> u64 {
    tenant + id
}

#[cached(skip(self))]
async fn free() -> u64 {
    1
}

#[cached(key = (tenant.id, id), skip(tenant))]
async fn both(tenant: u64, id: u64) -> u64 {
    tenant + id
}

#[cached(key = ())]
async fn empty(id: u64) -> u64 {
    id
}

fn main() {}
