//! Any bytes are a value or an error to json, without having to guess an envelope's checksum.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercache::Codec;

fuzz_target!(|bytes: &[u8]| tiercache_fuzz::decode(Codec::Json, bytes));
