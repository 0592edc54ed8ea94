//! Whose key it is: every function, and every prefix of hand-made keys, has a site of its own.

use sha2::{Digest as _, Sha256};

/// The version of the key format is part of every site: a new encoding can never meet an old key.
const FUNCTION: &str = "tiercache function 1";
const DIRECT: &str = "tiercache direct 1";

/// What leads the hash of a key: SHA-256 of whose key it is. Computed once per function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SiteDigest([u8; 32]);

impl SiteDigest {
    /// The site of the function with this `identity`, which caches under `prefix`.
    pub(crate) fn new(prefix: &str, identity: &str) -> Self {
        Self::of(&[FUNCTION, prefix, identity])
    }

    /// The site of keys made by hand under `prefix`; no function's.
    pub(crate) fn direct(prefix: &str) -> Self {
        Self::of(&[DIRECT, prefix])
    }

    /// Each part with its length before it, so that no two lists of parts hash the same bytes.
    fn of(parts: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Self(hasher.finalize().into())
    }

    /// Its first eight bytes.
    pub(crate) fn word(&self) -> u64 {
        self.0.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_sites_are_equal() {
        let sites = [
            SiteDigest::new("user", "shop::get_user"),
            SiteDigest::new("use", "rshop::get_user"),
            SiteDigest::new("user", "shop::get_users"),
            SiteDigest::new("user", ""),
            SiteDigest::direct("user"),
            SiteDigest::direct("users"),
        ];
        for (index, site) in sites.iter().enumerate() {
            assert!(sites[index + 1..].iter().all(|other| other != site));
        }
    }
}
