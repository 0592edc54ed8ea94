//! Any bytes in L2 are a value, a lease or a miss: opening and decoding never panic, overflow the stack or run away.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercache::fuzzing;
use tiercache_fuzz::{bounded, decode_as};

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
    fuzzing::lease(bytes);
    for bytes in [Some(bytes.to_vec()), repaired(bytes)].into_iter().flatten() {
        if let Some((codec, payload)) = bounded(bytes.len(), || fuzzing::open(&bytes)) {
            // The version's first byte, which is of no use here, says as what.
            decode_as(bytes[5], codec, payload);
        }
    }
});
