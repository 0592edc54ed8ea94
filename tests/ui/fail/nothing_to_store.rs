use tiercache::cached;

#[cached]
async fn nothing(id: u64) {
    let _ = id;
}

#[cached]
async fn unit(id: u64) -> () {
    let _ = id;
}

#[cached]
async fn checked(id: u64) -> Result<(), String> {
    if id == 0 { Err("zero".to_owned()) } else { Ok(()) }
}

#[cached]
async fn never(_id: u64) -> ! {
    panic!()
}

fn main() {}
