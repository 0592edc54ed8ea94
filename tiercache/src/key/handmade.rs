//! The key as a value, for the runtime without macros.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::canonical::KeyHasher;
use super::digest::Digest;
use super::prefix::check_prefix;
use super::site::SiteDigest;
use crate::error::Error;

/// The address of one cached value: a prefix, and the digest of the parts that tell it from others.
///
/// The parts themselves are not kept, so a key can be logged: it shows the prefix and the digest only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key {
    prefix: Cow<'static, str>,
    digest: Digest,
}

impl Key {
    /// Makes the key of `parts` under `prefix`.
    ///
    /// Parts that are equal make equal keys, whatever they are kept in: `&str` is `String`, `&T` is `T`, an integer is
    /// itself in any width, and a map is itself in any order (a `HashSet` is not: serde does not tell it from a list,
    /// so collect it into a `BTreeSet`). Two prefixes never share a key, nor do a hand-made key and a function.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Config` if `prefix` is not made of segments of ASCII letters, digits and `_ - .`, with `:` between
    /// them; `ErrorKind::Encode` if a part cannot be serialized.
    pub fn new<P: Serialize + ?Sized>(prefix: impl Into<Cow<'static, str>>, parts: &P) -> Result<Self, Error> {
        let prefix = prefix.into();
        check_prefix(&prefix)?;
        let mut hasher = KeyHasher::new(&SiteDigest::direct(&prefix));
        hasher.part(parts);
        Ok(Self { digest: hasher.finish()?, prefix })
    }
    /// The prefix the key was made with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn digest(&self) -> &Digest {
        &self.digest
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:?}", self.prefix, self.digest)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn equal_parts_make_equal_keys() {
        let key = Key::new("user", &(42, "en")).unwrap();
        assert_eq!(key, Key::new(String::from("user"), &(42_u64, String::from("en"))).unwrap());
        assert_ne!(key, Key::new("user", &(42, "de")).unwrap());
        assert_ne!(key, Key::new("users", &(42, "en")).unwrap());
        assert_eq!(key.prefix(), "user");
    }

    #[test]
    fn a_key_shows_no_argument() {
        let key = Key::new("user", "s3cret").unwrap();
        assert_eq!(key.to_string(), format!("user:{}", key.digest().to_hex()));
        assert_eq!(format!("{key:?}"), format!("Key({key})"));
    }

    #[test]
    fn a_bad_prefix_is_refused() {
        assert_eq!(Key::new("us er", &1).unwrap_err().kind(), ErrorKind::Config);
    }

    #[test]
    fn parts_that_cannot_be_serialized_are_refused_without_their_text() {
        struct Secret;
        impl Serialize for Secret {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("s3cret"))
            }
        }
        let error = Key::new("user", &(1, Secret)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}
