//! Any bytes in the place of the hot keys are a list of them or none.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercache::fuzzing;
use tiercache_fuzz::bounded;

/// Makes magic, format and checksum right, which the fuzzer cannot guess.
fn repaired(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    let sum = crc32fast::hash(bytes.get(7..)?);
    bytes[..3].copy_from_slice(&[0x74, 0xc8, 1]);
    bytes[3..7].copy_from_slice(&sum.to_le_bytes());
    Some(bytes)
}

fuzz_target!(|bytes: &[u8]| {
    for bytes in [Some(bytes.to_vec()), repaired(bytes)].into_iter().flatten() {
        bounded(bytes.len(), || fuzzing::hot_keys(&bytes));
    }
});
