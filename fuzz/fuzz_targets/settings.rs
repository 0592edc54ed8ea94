//! Any settings are a cache or an error, and a URL never shows its password, be it right or wrong. Who writes them is trusted, so
//! there is no bound on memory: a parser of TOML takes what it likes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercache::fuzzing;

const SECRET: &str = "s3cret";

fuzz_target!(|text: &str| {
    fuzzing::settings(text);
    // URLs go without tabs and ends of lines.
    if text.replace(['\t', '\r', '\n'], "").contains(SECRET) {
        return;
    }
    let (before, after) = text.split_once('\n').unwrap_or((text, "127.0.0.1"));
    for scheme in ["redis", "redis+cluster", "redis+sentinel"] {
        fuzzing::url(&format!("{scheme}://{before}:{SECRET}@{after}"), SECRET);
    }
});
