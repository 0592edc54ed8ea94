//! What instances tell each other: small binary messages, in the log and on the bus.
//!
//! | at | bytes | |
//! |---|---|---|
//! | 0 | 1 | version, 1 |
//! | 1 | 1 | kind: 0 an anchor, 1 keys, 2 groups, 3 a pattern |
//! | 2 | 8 | origin: the instance that tells it, which has heeded it before |
//! | 10 | 8, any, 8 n or any | a nonce, keys, hashes of groups, or a pattern of prefixes in UTF-8 |
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
    pub(crate) fn encode(&self, origin: u64) -> Vec<u8> {
        let begin = |kind| [&[VERSION, kind][..], &origin.to_le_bytes()].concat();
        match self {
            Self::Anchor(nonce) => [&begin(ANCHOR)[..], &nonce.to_le_bytes()].concat(),
            // Understood by nobody, as it was.
            Self::Unknown => Vec::new(),
            Self::Keys(keys) => keys.iter().fold(begin(KEYS), |mut bytes, key| {
                // A longer prefix than 4 GiB would be unknown to who reads it: better too much.
                bytes.extend_from_slice(&u32::try_from(key.prefix.len()).unwrap_or(u32::MAX).to_le_bytes());
                bytes.extend_from_slice(key.prefix.as_bytes());
                bytes.extend_from_slice(key.digest.as_bytes());
                bytes
            }),
            Self::Groups(groups) => groups.iter().fold(begin(GROUPS), |mut bytes, group| {
                bytes.extend_from_slice(&group.to_le_bytes());
                bytes
            }),
            Self::Pattern(pattern) => [&begin(PATTERN), pattern.as_bytes()].concat(),
        }
    }

    /// What a message says, and who tells it.
    pub(crate) fn decode(bytes: &[u8]) -> (Option<u64>, Self) {
        let Some((&[VERSION, kind], rest)) = bytes.split_first_chunk() else { return (None, Self::Unknown) };
        let Some((origin, rest)) = rest.split_first_chunk() else { return (None, Self::Unknown) };
        let news = match kind {
            ANCHOR => rest.try_into().map_or(Self::Unknown, |nonce| Self::Anchor(u64::from_le_bytes(nonce))),
            KEYS => removed(rest).map_or(Self::Unknown, Self::Keys),
            GROUPS => match rest.as_chunks::<8>() {
                (groups, []) => Self::Groups(groups.iter().map(|group| u64::from_le_bytes(*group)).collect()),
                _ => Self::Unknown,
            },
            PATTERN => str::from_utf8(rest).map_or(Self::Unknown, |pattern| Self::Pattern(pattern.to_owned())),
            _ => Self::Unknown,
        };
        (Some(u64::from_le_bytes(*origin)), news)
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

    const ORIGIN: u64 = 0x0102_0304_0506_0708;

    fn message(kind: u8, rest: &[u8]) -> Vec<u8> {
        [&[1, kind, 8, 7, 6, 5, 4, 3, 2, 1], rest].concat()
    }

    #[test]
    fn messages_are_pinned() {
        let key = |prefix: &str, digest| Removed { prefix: prefix.into(), digest: Digest::new([digest; 32]) };
        let keys = [&[3, 0, 0, 0][..], b"a:b", &[7; 32], &[1, 0, 0, 0], b"c", &[8; 32]].concat();
        for (news, bytes) in [
            (News::Anchor(258), message(0, &[2, 1, 0, 0, 0, 0, 0, 0])),
            (News::Keys(vec![key("a:b", 7), key("c", 8)]), message(1, &keys)),
            (News::Pattern("user:*".into()), message(3, b"user:*")),
            (News::Groups(vec![1, 256]), message(2, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])),
        ] {
            assert_eq!(news.encode(ORIGIN), bytes);
            assert_eq!(News::decode(&bytes), (Some(ORIGIN), news));
        }
    }

    #[test]
    fn what_cannot_be_understood_is_everything() {
        let no_utf8 = message(1, &[&[1, 0, 0, 0, 0xff][..], &[7; 32]].concat());
        let too_long = message(1, &[&[255, 255, 255, 255][..], &[7; 40]].concat());
        let of_another_version = [&[2][..], &message(1, &[])[1..]].concat();
        let cut = [message(0, &[0]), message(1, &[5]), message(2, &[5]), message(3, &[0xff]), message(9, &[])];
        let whole = [no_utf8.clone(), no_utf8[..46].to_vec(), too_long, of_another_version];
        let short = [vec![], vec![1], vec![1, 0], vec![1, 1, 5], b"hello".to_vec()];
        for bytes in cut.into_iter().chain(whole).chain(short) {
            assert_eq!(News::decode(&bytes).1, News::Unknown, "{bytes:?}");
        }
    }
}
