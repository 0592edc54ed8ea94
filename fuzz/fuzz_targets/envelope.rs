//! Any bytes in L2 are a value or a miss: opening and decoding never panic, overflow the stack or run away.

#![no_main]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, Serialize};
use tiercache::fuzzing;

#[derive(Serialize, Deserialize)]
enum Tree {
    Leaf,
    Wrap(Box<Tree>),
    Pair(u8, Box<Tree>),
    Node { children: Vec<Tree>, name: String },
}

#[derive(Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

#[derive(Serialize, Deserialize)]
struct Row {
    id: u64,
    name: String,
    raw: Vec<u8>,
    map: HashMap<String, Vec<i64>>,
    unit: Vec<()>,
    wide: Option<u128>,
    letter: char,
    ip: IpAddr,
    set: BTreeSet<(bool, i16)>,
}

fn decode_all(codec: u8, payload: &[u8]) {
    fuzzing::decode::<Tree>(codec, payload);
    fuzzing::decode::<Chain>(codec, payload);
    fuzzing::decode::<Row>(codec, payload);
    fuzzing::decode::<String>(codec, payload);
    fuzzing::decode::<Vec<()>>(codec, payload);
    fuzzing::decode::<Option<Option<u8>>>(codec, payload);
    fuzzing::decode::<BTreeMap<String, BTreeMap<u32, ()>>>(codec, payload);
    fuzzing::decode::<Result<Row, Tree>>(codec, payload);
}

/// Makes magic, format, length and checksum right, which the fuzzer cannot guess.
fn repaired(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    let tail = 82 + 16 * usize::from(*bytes.get(81)?);
    let start = tail + 8;
    let length = u32::try_from(bytes.len().checked_sub(start)?).ok()?;
    bytes[..3].copy_from_slice(&[0x74, 0xc7, 1]);
    bytes[tail..tail + 4].copy_from_slice(&length.to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..tail + 4]);
    hasher.update(&bytes[start..]);
    bytes[tail + 4..start].copy_from_slice(&hasher.finalize().to_le_bytes());
    Some(bytes)
}

fuzz_target!(|bytes: &[u8]| {
    for bytes in [Some(bytes.to_vec()), repaired(bytes)].into_iter().flatten() {
        if let Some((codec, payload)) = fuzzing::open(&bytes) {
            decode_all(codec, payload);
        }
    }
    fuzzing::codecs().for_each(|codec| decode_all(codec, bytes));
});
