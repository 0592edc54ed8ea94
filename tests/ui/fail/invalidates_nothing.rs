use tiercache::invalidates;

#[invalidates]
async fn bare() {}

#[invalidates()]
async fn empty() {}

#[invalidates(crate = tiercache)]
async fn without_a_target() {}

fn main() {
    drop((bare(), empty()));
}
