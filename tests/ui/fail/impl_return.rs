use tiercache::cached;

#[cached]
async fn numbers(n: u64) -> impl Iterator<Item = u64> {
    0..n
}

#[cached]
async fn wrapped(n: u64) -> Result<Vec<u64>, impl std::error::Error> {
    n.to_string().parse::<u64>().map(|n| vec![n])
}

fn main() {}
