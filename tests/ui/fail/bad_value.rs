use tiercache::cached;

#[cached(cache = prompt, id = "", version = -1, codec = "msgpack", entry = true)]
async fn find(id: u64) -> u64 {
    id
}

fn main() {}
