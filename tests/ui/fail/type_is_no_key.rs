use tiercache::cached;

struct Opaque;

#[cached]
async fn find(id: u64, opaque: Opaque) -> u64 {
    let _ = opaque;
    id
}

#[cached(key = (id, Opaque))]
async fn keyed(id: u64) -> u64 {
    id
}

fn main() {}
