use tiercache::cached;

#[cached(none_ttl = 30)]
async fn count(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {}
