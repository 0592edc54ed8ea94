//! What instances tell each other: small binary messages, in the log and on the bus.
//!
//! | at | bytes | |
//! |---|---|---|
//! | 0 | 1 | version, 1 |
//! | 1 | 1 | kind: 0 an anchor, 1 keys, 2 groups |
//! | 2 | 32 n or 8 n | digests of keys, or hashes of groups |
//!
//! Never a value, never a name. An unknown version or a length that does not fit is heeded as *everything*: better too much.

use crate::key::Digest;

const VERSION: u8 = 1;
const ANCHOR: u8 = 0;
const KEYS: u8 = 1;
const GROUPS: u8 = 2;

/// What was invalidated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Nothing: a place in the log.
    Anchor,
    Keys(Vec<Digest>),
    Groups(Vec<u64>),
    /// What cannot be understood.
    Unknown,
}

impl News {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Anchor | Self::Unknown => vec![VERSION, ANCHOR],
            Self::Keys(keys) => message(KEYS, keys.iter().map(|key| *key.as_bytes())),
            Self::Groups(groups) => message(GROUPS, groups.iter().map(|group| group.to_le_bytes())),
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
            (News::Groups(vec![1, 256]), vec![1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        ] {
            assert_eq!(news.encode(), bytes);
            assert_eq!(News::decode(&bytes), news);
        }
    }

    #[test]
    fn what_cannot_be_understood_is_everything() {
        for bytes in [&[][..], &[1], &[2, 1], &[1, 9], &[1, 1, 5], &[1, 2, 5], &[1, 0, 0], b"hello"] {
            assert_eq!(News::decode(bytes), News::Unknown, "{bytes:?}");
        }
    }
}
