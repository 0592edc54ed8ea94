//! Groups of entries that are invalidated together: a namespace, a prefix.
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

    /// The pairs an entry stores.
    pub(crate) fn stamped(&self, stamps: &[u64]) -> Vec<(u64, u64)> {
        self.hashes.iter().copied().zip(stamps.iter().copied()).collect()
    }

    /// Whether an entry's pairs are these groups with the stamps that hold now. An absent stamp holds for nothing.
    pub(crate) fn hold(&self, pairs: &[(u64, u64)], now: &[Option<u64>]) -> bool {
        pairs.len() == self.hashes.len()
            && pairs.len() == now.len()
            && pairs
                .iter()
                .zip(&self.hashes)
                .zip(now)
                .all(|((pair, hash), now)| pair.0 == *hash && Some(pair.1) == *now)
    }
}

/// The hash of a prefix's group.
pub(crate) fn prefix_hash(prefix: &str) -> u64 {
    hash(&format!("{PREFIX}{prefix}"))
}

/// What stands for a field in news and in entries: the first 8 bytes of its SHA-256.
pub(crate) fn hash(field: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(field).into();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
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
        let pairs = groups.stamped(&[1, 2]);
        assert!(groups.hold(&pairs, &[Some(1), Some(2)]));
        assert!(!groups.hold(&pairs, &[Some(1), Some(3)]));
        assert!(!groups.hold(&pairs, &[Some(1), None]));
        assert!(!groups.hold(&[], &[Some(1), Some(2)]));
        assert!(!Groups::of("other").hold(&pairs, &[Some(1), Some(2)]));
    }
}
