//! What instances tell each other: small binary messages, in the log and on the bus.
//!
//! | at | bytes | |
//! |---|---|---|
//! | 0 | 1 | version, 1 |
//! | 1 | 1 | kind: 0 an anchor, 1 keys, 2 groups, 3 a pattern |
//! | 2 | 32 n, 8 n or any | digests of keys, hashes of groups, or a pattern of prefixes in UTF-8 |
//!
//! Never a value. A pattern goes in the clear, as prefixes do in the hash of stamps: whether a hash is covered by it, only who knows the
//! prefix could say, and a stamp may have been evicted. An unknown version or a length that does not fit is heeded as *everything*: better too much.

use crate::key::Digest;

const VERSION: u8 = 1;
const ANCHOR: u8 = 0;
const KEYS: u8 = 1;
const GROUPS: u8 = 2;
const PATTERN: u8 = 3;

/// What was invalidated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Nothing: a place in the log.
    Anchor,
    Keys(Vec<Digest>),
    Groups(Vec<u64>),
    /// The prefixes that it covers.
    Pattern(String),
    /// What cannot be understood.
    Unknown,
}

impl News {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Anchor | Self::Unknown => vec![VERSION, ANCHOR],
            Self::Keys(keys) => message(KEYS, keys.iter().map(|key| *key.as_bytes())),
            Self::Groups(groups) => message(GROUPS, groups.iter().map(|group| group.to_le_bytes())),
            Self::Pattern(pattern) => [&[VERSION, PATTERN], pattern.as_bytes()].concat(),
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Self {
        match bytes {
            [VERSION, ANCHOR] => Self::Anchor,
            [VERSION, KEYS, keys @ ..] => match keys.as_chunks::<32>() {
                (keys, []) => Self::Keys(keys.iter().map(|key| Digest::from_bytes(*key)).collect()),
                _ => Self::Unknown,
            },
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

fn message<const N: usize>(kind: u8, items: impl Iterator<Item = [u8; N]>) -> Vec<u8> {
    let mut bytes = vec![VERSION, kind];
    items.for_each(|item| bytes.extend_from_slice(&item));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_pinned() {
        let key = Digest::new([7; 32]);
        for (news, bytes) in [
            (News::Anchor, vec![1, 0]),
            (News::Keys(vec![key]), [&[1, 1][..], &[7; 32]].concat()),
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
    }
}
