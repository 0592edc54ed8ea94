//! Keys: prefix, canonical encoding, digest.
//!
//! A key is the SHA-256 of a *site* (which function, or which prefix of hand-made keys) and of the canonical encoding of
//! the key parts. Argument values are in no key, log or metric, only in this hash. A key that changes silently is a
//! cold cache, so golden vectors pin every byte.

mod canonical;
mod compound;
mod digest;
mod encode;
mod format;
mod handmade;
mod identity;
mod prefix;
mod site;
#[cfg(test)]
mod tests;

pub(crate) use canonical::KeyHasher;
#[cfg(any(test, fuzzing))]
pub(crate) use canonical::encoding;
pub(crate) use digest::{BuildDigestHasher, Digest};
pub use handmade::Key;
pub(crate) use identity::trim_identity;
pub(crate) use prefix::{check_namespace, check_prefix, l2_key};
pub(crate) use site::SiteDigest;
