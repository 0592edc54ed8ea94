//! The fuzz targets' only door. It exists under `--cfg fuzzing` and is no part of the API.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::hot::list;
use crate::cache::settings::{Values, file};
use crate::codec::{Codec, envelope};
use crate::coherence::groups;
use crate::coherence::journal::{Id, Journal};
use crate::coherence::news::News;
use crate::key::{self, KeyHasher, SiteDigest};
use crate::store::redis::fuzzing as replies;
use crate::time::Proof;
use crate::value::print::print;

/// The codec's id and the payload, if `bytes` are an envelope; panics if they are not the only one for their contents.
pub fn open(bytes: &[u8]) -> Option<(u8, &[u8])> {
    // Also of what is damaged.
    let _ = envelope::begin(bytes);
    let (header, payload) = envelope::open(bytes).ok()?;
    let again = envelope::seal(&header, |out| {
        out.extend_from_slice(payload);
        Ok(())
    });
    assert_eq!(again.ok().as_deref(), Some(bytes), "an envelope has one spelling");
    assert_eq!(envelope::begin(bytes).as_ref(), Some(&header), "its header can be read without the rest");
    Some((header.codec, payload))
}

/// Decodes as what a read does: a value must survive another turn, or print differently.
pub fn decode<T: Serialize + DeserializeOwned>(codec: u8, payload: &[u8]) {
    let Some(codec) = Codec::from_id(codec) else { return };
    let Ok(value) = codec.decode::<T>(payload) else { return };
    let mut bytes = Vec::new();
    if codec.encode_into(&value, &mut bytes, usize::MAX).is_err() {
        return;
    }
    let again = codec.decode::<T>(&bytes).expect("what a codec wrote, it reads");
    let of = |value: &T| print(value, codec.is_human_readable()).ok();
    assert_eq!(of(&value), of(&again), "a value prints the same after another turn");
}

/// The id of a codec.
pub fn id_of(codec: Codec) -> u8 {
    codec.id()
}

/// A lease, or none; and as much of `bytes` as tells them from others.
pub fn lease(bytes: &[u8]) {
    if let Some(nonce) = envelope::holder(bytes) {
        assert_eq!(envelope::lease(nonce), bytes, "a lease has one spelling");
    }
    assert!(bytes.starts_with(envelope::token(bytes)));
}

/// A list of hot keys, or none. With others it makes one that is bounded and in order.
pub fn hot_keys(bytes: &[u8]) {
    let Some(keys) = list::decode(bytes) else { return };
    assert_eq!(list::encode(&keys), bytes, "a list has one spelling");
    assert!(bytes.starts_with(list::token(bytes)));
    let merged = list::merge(&keys, &keys, 3);
    assert!(merged.len() <= 3 && merged.is_sorted_by(|one, next| one.1 >= next.1));
}

/// A message of another instance: what it says, or everything.
pub fn news(bytes: &[u8]) {
    match News::decode(bytes) {
        (_, News::Unknown) => {}
        (None, news) => panic!("{news:?} is nobody's"),
        (Some(origin), news) => assert_eq!(news.encode(origin), bytes, "a message has one spelling"),
    }
}

/// A log of these ids and messages: what this instance has seen of it is not lost, whatever it is.
pub fn journal(entries: &[(&str, &[u8])]) {
    let (journal, now) = (Journal::default(), Proof::now());
    for (id, message) in entries {
        match message.first() {
            Some(0) => journal.begin(id, message, now),
            Some(2) => journal.made(id, message, now),
            _ => journal.saw(id, message, now),
        }
    }
    journal.misses(now);
    let log: Vec<_> = entries.iter().map(|(id, message)| (Id::parse(id), message.to_vec())).collect();
    for (id, _) in &log {
        assert_eq!(Id::parse(&id.to_string()), *id, "an id is read as it is written");
    }
    let history = journal.take();
    assert!(history.oldest() <= log.iter().map(|(id, _)| *id).max().unwrap_or_default());
    history.lost(&log);
    history.lost(&[]);
}

/// A pattern covers what is spelled like it.
pub fn covers(pattern: &str, prefix: &str) {
    groups::covers(pattern, prefix);
    assert!(groups::covers(pattern, pattern) && groups::covers("*", prefix), "{pattern:?} and {prefix:?}");
}

/// A reply of Redis, if `bytes` are one: what reads it.
pub fn reply(bytes: &[u8]) -> Option<impl FnOnce() + use<>> {
    replies::reply(bytes)
}

/// A URL shows nothing of `secret`, which is the password in it.
pub fn url(url: &str, secret: &str) {
    replies::url(url, secret);
}

/// A key has a slot of Redis Cluster.
pub fn slot(key: &str) {
    replies::slot(key);
}

/// A file of settings: a builder or an error.
pub fn settings(text: &str) {
    drop(file::from_text(text, Values::new()));
}

/// The digest of a key of one part.
pub fn digest<P: Serialize>(part: &P) -> String {
    let mut hasher = KeyHasher::new(&SiteDigest::new("fuzz", "fuzz"));
    hasher.part(part);
    hasher.finish().expect("the parts of this target serialize").to_hex()
}

/// The canonical encoding of a part.
pub fn encoding<P: Serialize>(part: &P) -> Vec<u8> {
    key::encoding(part)
}

/// The identity for a `type_name` of any spelling.
pub fn identity(type_name: &str) -> String {
    key::trim_identity(type_name, "name")
}
