//! What instances tell each other: small binary messages, in the log and on the bus.
//!
//! | at | bytes | |
//! |---|---|---|
//! | 0 | 1 | version, 1 |
//! | 1 | 1 | kind: 0 an anchor, 1 keys, 2 groups, 3 a pattern |
//! | 2 | 8, any, 8 n or any | a nonce, keys, hashes of groups, or a pattern of prefixes in UTF-8 |
//!
//! A key is the length of its prefix (4, little-endian), the prefix, and the digest (32): so whoever reads it can remove it from L2 as well.
//! Never a value. A pattern goes in the clear, as prefixes do in the hash of stamps: whether a hash is covered by it, only who knows the
//! prefix could say, and a stamp may have been evicted. An unknown version or a length that does not fit is heeded as *everything*: better too much.

use crate::key::Digest;

const VERSION: u8 = 1;
const ANCHOR: u8 = 0;
const KEYS: u8 = 1;
const GROUPS: u8 = 2;
const PATTERN: u8 = 3;

/// A key that was removed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Removed {
    pub(crate) prefix: String,
    pub(crate) digest: Digest,
}

/// What was invalidated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum News {
    /// Nothing: a place in the log, or a trial of the bus. The nonce tells it from all others.
    Anchor(u64),
    Keys(Vec<Removed>),
    Groups(Vec<u64>),
    /// The prefixes that it covers.
    Pattern(String),
    /// What cannot be understood.
    Unknown,
}

impl News {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Anchor(nonce) => [&[VERSION, ANCHOR][..], &nonce.to_le_bytes()].concat(),
            // Understood by nobody, as it was.
            Self::Unknown => Vec::new(),
            Self::Keys(keys) => keys.iter().fold(vec![VERSION, KEYS], |mut bytes, key| {
                // A longer prefix than 4 GiB would be unknown to who reads it: better too much.
                bytes.extend_from_slice(&u32::try_from(key.prefix.len()).unwrap_or(u32::MAX).to_le_bytes());
                bytes.extend_from_slice(key.prefix.as_bytes());
                bytes.extend_from_slice(key.digest.as_bytes());
                bytes
            }),
            Self::Groups(groups) => groups.iter().fold(vec![VERSION, GROUPS], |mut bytes, group| {
                bytes.extend_from_slice(&group.to_le_bytes());
                bytes
            }),
            Self::Pattern(pattern) => [&[VERSION, PATTERN], pattern.as_bytes()].concat(),
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Self {
        match bytes {
            [VERSION, ANCHOR, nonce @ ..] => {
                nonce.try_into().map_or(Self::Unknown, |nonce| Self::Anchor(u64::from_le_bytes(nonce)))
            }
            [VERSION, KEYS, keys @ ..] => removed(keys).map_or(Self::Unknown, Self::Keys),
            [VERSION, GROUPS, groups @ ..] => match groups.as_chunks::<8>() {
                (groups, []) => Self::Groups(groups.iter().map(|group| u64::from_le_bytes(*group)).collect()),
                _ => Self::Unknown,
            },
            [VERSION, PATTERN, pattern @ ..] => {
                str::from_utf8(pattern).map_or(Self::Unknown, |pattern| Self::Pattern(pattern.to_owned()))
            }
            _ => Self::Unknown,
        }
    }
}

fn removed(mut bytes: &[u8]) -> Option<Vec<Removed>> {
    let mut keys = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (prefix, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        let (digest, rest) = rest.split_first_chunk::<32>()?;
        keys.push(Removed { prefix: str::from_utf8(prefix).ok()?.to_owned(), digest: Digest::from_bytes(*digest) });
        bytes = rest;
    }
    Some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_pinned() {
        let key = |prefix: &str, digest| Removed { prefix: prefix.into(), digest: Digest::new([digest; 32]) };
        for (news, bytes) in [
            (News::Anchor(258), vec![1, 0, 2, 1, 0, 0, 0, 0, 0, 0]),
            (
                News::Keys(vec![key("a:b", 7), key("c", 8)]),
                [&[1, 1, 3, 0, 0, 0][..], b"a:b", &[7; 32], &[1, 0, 0, 0], b"c", &[8; 32]].concat(),
            ),
            (News::Pattern("user:*".into()), b"\x01\x03user:*".to_vec()),
            (News::Groups(vec![1, 256]), vec![1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        ] {
            assert_eq!(news.encode(), bytes);
            assert_eq!(News::decode(&bytes), news);
        }
    }

    #[test]
    fn what_cannot_be_understood_is_everything() {
        for bytes in [&[][..], &[1], &[2, 1], &[1, 9], &[1, 1, 5], &[1, 2, 5], &[1, 0, 0], &[1, 3, 0xff], b"hello"] {
            assert_eq!(News::decode(bytes), News::Unknown, "{bytes:?}");
        }
        let no_utf8 = [&[1, 1, 1, 0, 0, 0, 0xff][..], &[7; 32]].concat();
        let too_long = [&[1, 1, 255, 255, 255, 255][..], &[7; 40]].concat();
        for bytes in [&no_utf8, &no_utf8[..38], &too_long] {
            assert_eq!(News::decode(bytes), News::Unknown, "{bytes:?}");
        }
    }
}
