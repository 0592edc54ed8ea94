//! The digest of a key, and the hasher that knows it is one already.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};

/// SHA-256 of a site and its key parts: the address of one cached value. It is no secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// The digest that a state of SHA-256 stands for: its words, big-endian.
    #[inline]
    pub(super) fn from_words(words: [u32; 8]) -> Self {
        let mut bytes = [0; 32];
        for (to, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *to = word.to_be_bytes();
        }
        Self(bytes)
    }

    /// A digest that another instance has told of.
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    #[cfg(test)]
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 32 bytes in 64 lower-case hex digits.
    pub(crate) fn to_hex(self) -> String {
        let mut hex = String::with_capacity(64);
        self.push_hex(&mut hex);
        hex
    }

    pub(super) fn push_hex(&self, text: &mut String) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for byte in self.0 {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }

    /// The first eight bytes: enough for a hash table, as every bit of a SHA-256 is as good as any other.
    #[inline]
    fn word(&self) -> u64 {
        self.0.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
    }
}

impl Hash for Digest {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.word());
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// Hashes a [`Digest`] by taking its first word as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DigestHasher(u64);

impl Hasher for DigestHasher {
    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0 ^= word;
    }

    /// Not the way of a digest; FNV-1a, so that any other key still works.
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

/// Makes [`DigestHasher`]s, for maps from digests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BuildDigestHasher;

impl BuildHasher for BuildDigestHasher {
    type Hasher = DigestHasher;

    #[inline]
    fn build_hasher(&self) -> DigestHasher {
        DigestHasher::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_hashes_to_its_first_word() {
        let mut bytes = [0; 32];
        bytes[..9].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let digest = Digest::new(bytes);
        assert_eq!(BuildDigestHasher.hash_one(digest), 0x0807_0605_0403_0201);
    }

    #[test]
    fn hex_is_64_lower_case_digits() {
        let mut bytes = [0; 32];
        bytes[0] = 0x0f;
        bytes[31] = 0xa9;
        let hex = Digest::new(bytes).to_hex();
        assert_eq!(hex, format!("0f{}a9", "0".repeat(60)));
        assert_eq!(format!("{:?}", Digest::new(bytes)), hex);
    }
}
