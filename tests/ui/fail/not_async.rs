use std::pin::Pin;

use tiercache::cached;

#[cached]
fn find(id: u64) -> u64 {
    id
}

#[cached]
fn boxed(id: u64) -> Pin<Box<dyn Future<Output = u64>>> {
    Box::pin(std::future::ready(id))
}

fn main() {
    let _: u64 = find(1);
    let _ = boxed(1);
}
