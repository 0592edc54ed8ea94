//! Any bytes on the bus or in the log are news or heeded as everything; any history of them can be compared with any log.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercache::fuzzing;
use tiercache_fuzz::bounded;

/// The entries of a log: lines, each an id and a message.
fn entries(bytes: &[u8]) -> Vec<(&str, &[u8])> {
    bytes.split(|byte| *byte == b'\n').filter_map(entry).collect()
}

fn entry(line: &[u8]) -> Option<(&str, &[u8])> {
    let (id, message) = line.split_at(line.iter().position(|byte| *byte == b' ')?);
    Some((std::str::from_utf8(id).ok()?, &message[1..]))
}

fuzz_target!(|bytes: &[u8]| {
    bounded(bytes.len(), || fuzzing::news(bytes));
    bounded(bytes.len(), || fuzzing::journal(&entries(bytes)));
    let text = String::from_utf8_lossy(bytes);
    let (pattern, prefix) = text.split_once('\n').unwrap_or((&text, ""));
    fuzzing::covers(pattern, prefix);
});
