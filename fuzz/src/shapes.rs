//! Types of every shape that a codec reads.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tiercache::Codec;
use tiercache::fuzzing::{self, id_of};

use crate::bounded;

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

/// Decodes, as the type that the first byte names: a value or an error, in memory bounded by the payload.
pub fn decode(codec: Codec, bytes: &[u8]) {
    let Some((kind, payload)) = bytes.split_first() else { return };
    decode_as(*kind, id_of(codec), payload);
}

/// Decodes as the type of this number.
pub fn decode_as(kind: u8, codec: u8, payload: &[u8]) {
    let read = match kind % 8 {
        0 => fuzzing::decode::<Tree>,
        1 => fuzzing::decode::<Chain>,
        2 => fuzzing::decode::<Row>,
        3 => fuzzing::decode::<String>,
        4 => fuzzing::decode::<Vec<()>>,
        5 => fuzzing::decode::<Option<Option<u8>>>,
        6 => fuzzing::decode::<BTreeMap<String, BTreeMap<u32, ()>>>,
        _ => fuzzing::decode::<Result<Row, Tree>>,
    };
    bounded(payload.len(), || read(codec, payload));
}
