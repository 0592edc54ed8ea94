use tiercache::cached;

#[cached]
async fn find(id: u64, #[cfg(all())] tenant: u64) -> u64 {
    id + tenant
}

fn main() {}
