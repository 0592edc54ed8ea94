//! What is read out of Redis's replies, for the fuzz targets.

use redis::{FromRedisValue, Value, parse_redis_value};

use super::cluster::route::{self, Hop};
use super::cluster::slots;
use super::errors::translate;
use super::server;
use super::store::{convert, remaining_life};
use super::target::Target;

/// The reply in `bytes`, if redis-rs sees one: what reads it, as every kind of reply that was asked for.
pub(crate) fn reply(bytes: &[u8]) -> Option<impl FnOnce() + use<>> {
    let value = parse_redis_value(bytes).ok()?;
    Some(move || read(value))
}

/// Any reply is what was asked for or an error, whatever that was.
fn read(value: Value) {
    answers(&value);
    let ranges = slots::parse(&value, "127.0.0.1:7000").unwrap_or_default();
    for range in &ranges {
        assert!(range.first <= range.last && range.last < slots::SLOTS, "a range is one of slots: {range:?}");
    }
    assert!(ranges.is_sorted_by_key(|range| range.first), "the ranges are in their order");
    sent_on(&value);
    remaining_life(&value);
    if let Err(error) = value.extract_error() {
        // What health says, and what a log shows.
        drop(format!("{:?}", translate(error)));
    }
}

/// As each kind of reply that the stores read.
fn answers(value: &Value) {
    answer::<Option<Vec<u8>>>(value);
    answer::<Vec<Option<u64>>>(value);
    answer::<Vec<String>>(value);
    answer::<Vec<(String, Vec<Vec<u8>>)>>(value);
    answer::<(u64, Vec<String>)>(value);
    answer::<(bool, String)>(value);
    answer::<Option<(String, u16)>>(value);
}

fn answer<T: FromRedisValue>(value: &Value) {
    drop(convert::<T>(value.clone()));
}

/// Where a node of a cluster sends a request on to.
fn sent_on(value: &Value) {
    if let Some(Hop::Moved(address) | Hop::Ask(address)) = route::hop(std::slice::from_ref(value), "127.0.0.1:7000") {
        let like = redis::ConnectionAddr::Tcp("127.0.0.1".to_owned(), 7000);
        server::moved(&like, &address);
    }
}

/// A URL that shows nothing of `secret`, which is the password in it, be it right or wrong.
pub(crate) fn url(url: &str, secret: &str) {
    let shown = match Target::parse(url) {
        Ok(target) => target.to_string(),
        Err(error) => format!("{error} {error:?}"),
    };
    assert!(!shown.contains(secret), "{shown:?} shows the password");
}

/// The slot of a key is one of those that there are.
pub(crate) fn slot(key: &str) {
    assert!(slots::slot_of(key) < slots::SLOTS);
}
