use tiercache::cached;

type Counted = Result<u64, String>;

#[cached(none_ttl = 30, value = u64)]
async fn count(id: u64) -> Counted {
    Ok(id)
}

fn main() {}
