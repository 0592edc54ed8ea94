use tiercache::cached;

#[cached]
async fn mismatched(id: u64) -> Result<u64, String> {
    if id == 0 {
        return Ok("zero");
    }
    id.parse()
}

#[cached]
async fn no_tail(id: u64) -> u64 {
    let _ = id;
}

#[cached]
async fn unknown(id: u64) -> u64 {
    ident + id
}

fn main() {}
