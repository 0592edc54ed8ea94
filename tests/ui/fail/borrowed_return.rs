use std::borrow::Cow;

use tiercache::cached;

#[cached]
async fn name(name: &str) -> &str {
    name
}

#[cached]
async fn found(name: &str) -> Result<Option<&str>, String> {
    Ok(Some(name))
}

#[cached]
async fn cow<'a>(name: &'a str) -> Cow<'a, str> {
    name.into()
}

fn main() {}
