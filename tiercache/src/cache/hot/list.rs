//! The hot keys as L2 keeps them, and how what was counted since is added to them.
//!
//! | at | bytes | |
//! |---|---|---|
//! | 0 | 2 | magic, `74 c8` |
//! | 2 | 1 | format version, 1 |
//! | 3 | 4 | CRC-32 of what follows |
//! | 7 | 44 n | keys, the hottest first: site (the first 8 bytes of its SHA-256), digest (32), count (4) |
//!
//! Integers are little-endian. A golden blob pins it all.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::key::Digest;

const MAGIC: [u8; 2] = [0x74, 0xc8];
const FORMAT: u8 = 1;
/// Up to the keys.
const HEADER: usize = 7;
const KEY: usize = 44;

/// The most keys of one list.
pub(super) const MOST: usize = 10_000;

/// A key, and the function whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HotKey {
    pub(crate) site: u64,
    pub(crate) digest: Digest,
}

/// A key, and about how many hits it had lately.
pub(crate) type Count = (HotKey, u32);

/// The bytes of a list.
pub(crate) fn encode(keys: &[Count]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + keys.len() * KEY);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[FORMAT, 0, 0, 0, 0]);
    for (key, count) in keys {
        bytes.extend_from_slice(&key.site.to_le_bytes());
        bytes.extend_from_slice(key.digest.as_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
    }
    let sum = crc32fast::hash(&bytes[HEADER..]);
    bytes[3..HEADER].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// The list in `bytes`, if they are one. Any bytes are fine to ask about.
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<Count>> {
    let ([magic_0, magic_1, format, sum @ ..], keys) = bytes.split_first_chunk::<HEADER>()?;
    let (keys, rest) = keys.as_chunks::<KEY>();
    let whole = ([*magic_0, *magic_1], *format) == (MAGIC, FORMAT) && rest.is_empty() && keys.len() <= MOST;
    if !whole || crc32fast::hash(keys.as_flattened()) != u32::from_le_bytes(*sum) {
        return None;
    }
    keys.iter().map(read).collect()
}

fn read(bytes: &[u8; KEY]) -> Option<Count> {
    let (site, bytes) = bytes.split_first_chunk()?;
    let (digest, count) = bytes.split_first_chunk()?;
    let key = HotKey { site: u64::from_le_bytes(*site), digest: Digest::from_bytes(*digest) };
    Some((key, u32::from_le_bytes(*count.first_chunk()?)))
}

/// As much of stored bytes as tells one list from another.
pub(crate) fn token(bytes: &[u8]) -> &[u8] {
    bytes.get(..HEADER).unwrap_or(bytes)
}

/// The `most` hottest keys after `own` was counted: what was hot before counts half.
pub(crate) fn merge(old: &[Count], own: &[Count], most: usize) -> Vec<Count> {
    let mut counts = HashMap::<HotKey, u32>::new();
    let halved = old.iter().map(|(key, count)| (*key, count / 2));
    for (key, count) in halved.chain(own.iter().copied()).filter(|(_, count)| *count > 0) {
        let sum = counts.entry(key).or_default();
        *sum = sum.saturating_add(count);
    }
    let mut keys: Vec<Count> = counts.into_iter().collect();
    keys.sort_unstable_by_key(|&(key, count)| (Reverse(count), key));
    keys.truncate(most);
    keys
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(in super::super) fn key(number: u8) -> HotKey {
        HotKey { site: u64::from(number % 3), digest: Digest::new([number; 32]) }
    }

    fn keys() -> impl Strategy<Value = Vec<Count>> {
        prop::collection::vec((any::<u8>().prop_map(key), any::<u32>()), 0..20)
    }

    #[test]
    fn the_bytes_of_a_list_are_pinned() {
        let first = HotKey { site: 0x0807_0605_0403_0201, digest: Digest::new([0xaa; 32]) };
        let bytes = encode(&[(first, 0x0100), (HotKey { site: 1, digest: Digest::new([0; 32]) }, 64)]);
        let first = [[1, 2, 3, 4, 5, 6, 7, 8].as_slice(), &[0xaa; 32], &[0, 1, 0, 0]].concat();
        let second = [[1, 0, 0, 0, 0, 0, 0, 0].as_slice(), &[0; 32], &[64, 0, 0, 0]].concat();
        let header = [0x74, 0xc8, 1, 0xf2, 0x8b, 0x66, 0x8c];
        assert_eq!(bytes, [header.as_slice(), &first, &second].concat());
        assert_eq!(encode(&[]), [0x74, 0xc8, 1, 0, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn a_list_comes_back(keys in keys()) {
            prop_assert_eq!(decode(&encode(&keys)), Some(keys));
        }

        #[test]
        fn any_bytes_are_a_list_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(keys) = decode(&bytes) {
                prop_assert_eq!(encode(&keys), bytes);
            }
        }

        #[test]
        fn a_list_that_is_not_whole_is_none(keys in keys(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let bytes = encode(&keys);
            let mut flipped = bytes.clone();
            flipped[at.index(bytes.len())] ^= 1 << bit;
            prop_assert_eq!(decode(&flipped), None);
            let cut = &bytes[..at.index(bytes.len())];
            prop_assert!(decode(cut).is_none() || (cut.len() == HEADER && keys.is_empty()));
        }

        #[test]
        fn a_merge_is_bounded_and_sorted(old in keys(), own in keys(), most in 1_usize..30) {
            let merged = merge(&old, &own, most);
            prop_assert!(merged.len() <= most && merged.is_sorted_by(|one, next| one.1 >= next.1));
            for (key, count) in &merged {
                let sum = |keys: &[Count], part: u32| {
                    keys.iter().filter(|(other, _)| other == key).map(|(_, count)| u64::from(count / part)).sum::<u64>()
                };
                prop_assert_eq!(u64::from(*count), (sum(&old, 2) + sum(&own, 1)).min(u32::MAX.into()));
            }
        }
    }

    #[test]
    fn more_keys_than_a_list_has_are_none() {
        let keys = |count| vec![(key(1), 1); count];
        assert!(decode(&encode(&keys(MOST))).is_some());
        assert_eq!(decode(&encode(&keys(MOST + 1))), None);
    }

    #[test]
    fn what_was_hot_before_cools_down_and_makes_room() {
        let old = [(key(1), 100), (key(2), 60), (key(3), 1)];
        assert_eq!(merge(&old, &[(key(4), 40)], 3), [(key(1), 50), (key(4), 40), (key(2), 30)]);
        assert_eq!(merge(&old, &[(key(2), 64)], 3), [(key(2), 94), (key(1), 50)], "what has cooled down is gone");
    }
}
