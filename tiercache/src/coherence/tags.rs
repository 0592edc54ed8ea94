//! Tags: groups that an entry is in by what its arguments are.
//!
//! In L2 a tag's stamp is a key of its own, in memory a place in a table (`l1/tags.rs`). What a tag is called stays in this process: keys and
//! news have its hash.

use std::fmt::{Display, Write};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::l1::Slot;

use super::groups::first_bytes;

/// An envelope has room for 255 groups; so many are too many long before.
pub(crate) const MOST: usize = 64;

/// The tags of one entry, by their hashes, in the order of these: so it does not matter in which one they were given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tags(Vec<u64>);

impl Tags {
    pub(crate) const NONE: Self = Self(Vec::new());

    /// Adds a tag. One that is there already counts once.
    pub(crate) fn add(&mut self, tag: &(impl Display + ?Sized)) {
        let hash = tag_hash(tag);
        if let Err(at) = self.0.binary_search(&hash) {
            self.0.insert(at, hash);
        }
    }

    /// The tags of an entry that was found, as they are in it.
    pub(crate) fn of_entry(hashes: impl Iterator<Item = u64>) -> Self {
        Self(hashes.collect())
    }

    pub(crate) fn hashes(&self) -> &[u64] {
        &self.0
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> {
        self.0.iter().map(|hash| Slot::of(*hash))
    }
}

/// The keys of tags in L2.
pub(crate) fn keys(namespace: &str, hashes: &[u64]) -> Arc<[String]> {
    hashes.iter().map(|hash| format!("{namespace}:@tag:{hash:016x}")).collect()
}

/// What stands for a tag in keys and in news.
pub(crate) fn tag_hash(tag: &(impl Display + ?Sized)) -> u64 {
    let mut hasher = Hasher(Sha256::new());
    // A tag that cannot be written to its end is what was written of it, wherever it is named.
    let _ = write!(hasher, "t:{tag}");
    first_bytes(hasher.0)
}

/// Hashes what is written, without a string.
struct Hasher(Sha256);

impl Write for Hasher {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.update(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coherence::groups::hash;

    #[test]
    fn a_tag_is_what_it_displays_however_it_is_given() {
        let (id, whole) = (42, "user:42".to_owned());
        assert_eq!(tag_hash(&format_args!("user:{id}")), tag_hash(&whole));
        assert_eq!(tag_hash("user:42"), hash("t:user:42"));
        assert_ne!(tag_hash("user"), hash("p:user"));
        let mut tags = Tags::default();
        tags.add("a");
        tags.add("b");
        tags.add(&'a');
        let mut hashes = [tag_hash("a"), tag_hash("b")];
        hashes.sort_unstable();
        assert_eq!(tags.hashes(), hashes);
    }

    #[test]
    fn the_keys_of_tags_are_pinned() {
        assert_eq!(*keys("shop", &[0xab]), ["shop:@tag:00000000000000ab"]);
        assert_eq!(tag_hash("users"), 0x9174_80bc_49dd_358c);
    }
}
