use tiercache::cached;

#[cached]
async unsafe fn danger(id: u64) -> u64 {
    id
}

#[cached]
async extern "C" fn foreign(id: u64) -> u64 {
    id
}

fn main() {}
