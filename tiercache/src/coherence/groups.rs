//! Groups of entries that are invalidated together: a namespace, a prefix, a tag.
//!
//! A group's *stamp* is a random number in L2. An entry carries the stamps of its groups as they were before its load began, and
//! is valid only while each is still the same; so removing one stamp invalidates any number of entries at once. No counters (they
//! would restart at 1 after an eviction), no clocks.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// The field of the namespace's own stamp.
pub(crate) const NAMESPACE: &str = "n";
const PREFIX: &str = "p:";

/// The groups of one prefix: the namespace, and the prefix itself.
#[derive(Debug)]
pub(crate) struct Groups {
    /// Their fields in the hash of stamps.
    fields: Arc<[String]>,
    hashes: Vec<u64>,
}

impl Groups {
    pub(crate) fn of(prefix: &str) -> Self {
        let fields: Arc<[String]> = Arc::new([NAMESPACE.into(), format!("{PREFIX}{prefix}")]);
        let hashes = fields.iter().map(|field| hash(field)).collect();
        Self { fields, hashes }
    }

    pub(crate) fn fields(&self) -> Arc<[String]> {
        Arc::clone(&self.fields)
    }

    /// The pairs that an entry with these tags stores.
    pub(crate) fn stamped(&self, tags: &[u64], stamps: &[u64]) -> Vec<(u64, u64)> {
        self.hashes.iter().chain(tags).copied().zip(stamps.iter().copied()).collect()
    }

    /// The tags that an entry with these pairs carries, by their hashes: those behind its other groups.
    pub(crate) fn tags_in<'a>(&self, pairs: &'a [(u64, u64)]) -> impl Iterator<Item = u64> + 'a {
        pairs.iter().skip(self.hashes.len()).map(|(hash, _)| *hash)
    }

    /// Those of an entry's pairs that it has in common with one that carries these tags, as such a one stores them. `None` if it lacks
    /// any of them.
    pub(crate) fn common(&self, tags: &[u64], pairs: &[(u64, u64)]) -> Option<Vec<(u64, u64)>> {
        self.hashes.iter().chain(tags).map(|hash| pairs.iter().find(|(group, _)| group == hash).copied()).collect()
    }

    /// Whether an entry's pairs are these groups and tags with the stamps that hold now. An absent stamp holds for nothing.
    pub(crate) fn hold(&self, tags: &[u64], pairs: &[(u64, u64)], now: &[Option<u64>]) -> bool {
        pairs.len() == self.hashes.len() + tags.len()
            && pairs.len() == now.len()
            && pairs
                .iter()
                .zip(self.hashes.iter().chain(tags))
                .zip(now)
                .all(|((pair, hash), now)| pair.0 == *hash && Some(pair.1) == *now)
    }
}

/// What stands for a field in news and in entries.
pub(crate) fn hash(field: &str) -> u64 {
    first_bytes(Sha256::new_with_prefix(field))
}

/// The first 8 bytes of what was hashed.
pub(super) fn first_bytes(hashed: Sha256) -> u64 {
    let digest: [u8; 32] = hashed.finalize().into();
    let [first, ..] = *digest.as_chunks().0 else { return 0 };
    u64::from_le_bytes(first)
}

/// Whether a pattern covers a prefix: `user` and `user:*` cover `user` and all below it, `*` everything; a `*` elsewhere stands for
/// any characters.
pub(crate) fn covers(pattern: &str, prefix: &str) -> bool {
    let whole = pattern.strip_suffix(":*").unwrap_or(pattern);
    if glob(whole, prefix) {
        return true;
    }
    // Below: the prefix up to one of its colons matches.
    prefix.match_indices(':').any(|(at, _)| glob(whole, &prefix[..at]))
}

/// The fields whose prefix the pattern covers.
pub(crate) fn covered(pattern: &str, fields: Vec<String>) -> Vec<String> {
    fields
        .into_iter()
        .filter(|field| field.strip_prefix(PREFIX).is_some_and(|prefix| covers(pattern, prefix)))
        .collect()
}

/// `*` stands for any characters, also none; everything else for itself.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_covers_itself_and_what_is_below_it() {
        for pattern in ["user", "user:*"] {
            assert!(covers(pattern, "user") && covers(pattern, "user:profile"), "{pattern}");
            assert!(!covers(pattern, "users") && !covers(pattern, "a:user"), "{pattern}");
        }
        assert!(covers("*", "anything:at:all"));
        assert!(covers("user:*:v2", "user:profile:v2") && !covers("user:*:v2", "user:profile"));
        assert!(covers("us*", "users"));
    }

    #[test]
    fn an_entry_holds_while_every_stamp_is_the_same() {
        let groups = Groups::of("user");
        let pairs = groups.stamped(&[], &[1, 2]);
        assert!(groups.hold(&[], &pairs, &[Some(1), Some(2)]));
        assert!(!groups.hold(&[], &pairs, &[Some(1), Some(3)]));
        assert!(!groups.hold(&[], &pairs, &[Some(1), None]));
        assert!(!groups.hold(&[], &[], &[Some(1), Some(2)]));
        assert!(!Groups::of("other").hold(&[], &pairs, &[Some(1), Some(2)]));
    }

    #[test]
    fn an_entry_holds_only_under_the_tags_it_was_stored_with() {
        let groups = Groups::of("user");
        let pairs = groups.stamped(&[7, 8], &[1, 2, 3, 4]);
        let now = [Some(1), Some(2), Some(3), Some(4)];
        assert!(groups.hold(&[7, 8], &pairs, &now));
        assert!(!groups.hold(&[7, 8], &pairs, &[Some(1), Some(2), Some(3), None]));
        assert!(!groups.hold(&[7, 8], &pairs, &[Some(1), Some(2), Some(9), Some(4)]));
        assert!(!groups.hold(&[7, 9], &pairs, &now), "another tag");
        assert!(!groups.hold(&[7], &pairs, &now[..3]) && !groups.hold(&[], &pairs, &now[..2]), "fewer tags");
    }
}
