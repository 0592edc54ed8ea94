//! Any bytes that a server answers are what was asked for or an error: redis-rs's reading of them, and ours of what it gives.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercache::fuzzing;
use tiercache_fuzz::{bounded, bounded_by};

/// What redis-rs takes for the lengths that a reply declares: room for 4,096 elements (of combine, its parser) at each of 100 depths.
const DECLARED: u64 = 100 * 4_096 * 64;

fuzz_target!(|bytes: &[u8]| {
    if let Some(read) = bounded_by(DECLARED, bytes.len(), || fuzzing::reply(bytes)) {
        bounded(bytes.len(), read);
    }
    fuzzing::slot(&String::from_utf8_lossy(bytes));
});
