//! The fuzz targets' only door. It exists under `--cfg fuzzing` and is no part of the API.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{Codec, envelope};
use crate::key::{self, KeyHasher, SiteDigest};
use crate::value::print::print;

/// The codec's id and the payload, if `bytes` are an envelope; panics if they are not the only one for their contents.
pub fn open(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (header, payload) = envelope::open(bytes).ok()?;
    let again = envelope::seal(&header, |out| {
        out.extend_from_slice(payload);
        Ok(())
    });
    assert_eq!(again.ok().as_deref(), Some(bytes), "an envelope has one spelling");
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

/// The ids of all codecs.
pub fn codecs() -> impl Iterator<Item = u8> {
    (0..=u8::MAX).filter(|&id| Codec::from_id(id).is_some())
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
