//! The twins of what is refused about options.

use tiercache::cached;

type Found = Result<u64, String>;

const TENANT: u64 = 1;

// unknown_option, malformed_option, bad_duration, longer_than_ttl, bad_prefix, bad_value, all_at_once
#[cached(
    ttl = "1h30m",
    l1_ttl = 5400,
    prefix = "shop:user-profile_1.v2",
    skip(db),
    cache = "prompt",
    version = 2,
    id = "shop.find",
    codec = "json",
    write = "through",
    entry = address_of_found,
    crate = ::tiercache,
)]
async fn find(db: u64, id: u64) -> u64 {
    db + id
}

// write
#[cached(write = "behind")]
async fn later(id: u64) -> u64 {
    id
}

tiercache::entry! { fn user_entry(id: u64) -> u64; write = "behind" }

#[cached(at = user_entry(id))]
async fn beside(id: u64) -> u64 {
    id
}

// none_ttl_without_none; an alias may hide an `Option`.
#[cached(none_ttl = "250ms")]
async fn perhaps(id: u64) -> Result<Option<u64>, String> {
    Ok(Some(id))
}

type Hidden = Result<Option<u64>, String>;

#[cached(none_ttl = 30, value = u64)]
async fn aliased(id: u64) -> Hidden {
    Ok(Some(id))
}

// bad_prefix
#[cached(prefix = "size")]
async fn größe(id: u64) -> u64 {
    id
}

// unknown_argument; a constant is no argument.
#[cached(key = (TENANT, id), skip(db))]
async fn of_tenant(db: u64, id: u64) -> u64 {
    db + id
}

#[cached(skip(id))]
async fn one_for_all(id: u64) -> u64 {
    id
}

// alias_without_value, companion
#[cached(value = u64)]
async fn named_value(id: u64) -> Found {
    Ok(id)
}

#[cached(entry = false)]
async fn no_companion(id: u64) -> Found {
    Ok(id)
}

// body_errors
#[cached]
async fn inferred(id: &str) -> Result<u64, Box<dyn std::error::Error>> {
    if id.is_empty() {
        return Err("empty".into());
    }
    let id = id.parse()?;
    if id == 0 { Err(Box::new(std::fmt::Error)) } else { Ok(id) }
}

fn main() {
    let _ = address_of_found(1).key();
    drop((find(1, 2), perhaps(1), aliased(1), größe(1), of_tenant(1, 2), one_for_all(1)));
    drop((named_value(1), no_companion(1), inferred("1")));
    drop((later(1), beside(1)));
}
