use tiercache::cached;

#[cached]
async fn sum((a, b): (u64, u64), _: u64) -> u64 {
    a + b
}

fn main() {}
