use tiercache::cached;

type Found = Result<u64, String>;

#[cached]
async fn find(id: u64) -> Found {
    Ok(id)
}

fn main() {}
