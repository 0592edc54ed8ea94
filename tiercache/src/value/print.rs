//! The value print: 64 bits that tell whether a decoded value is the one that was stored.
//!
//! It is a `serde::Serializer` over what a value says of itself: the kinds, the names of structs, fields and variants,
//! and the contents. A value whose type has changed, or that its codec has misread, prints differently. Whatever serde
//! calls a map or a sequence counts as unordered, as a `HashSet` is a sequence to it, and comes back in another order.
//!
//! The mixer is wyhash's (Wang Yi, <https://github.com/wangyi-fudan/wyhash>): multiply two 64-bit words, fold the 128-bit
//! product. Prints lie in stores, so golden ones pin it: another print is a cold cache.

mod compound;
mod serializer;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::ser::Serialize;

use crate::error::{Error, ErrorKind};

/// What is known of a value without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Print {
    /// The same for equal values, on every platform, in every process.
    pub(crate) hash: u64,
    /// About how many bytes the value takes when encoded: its scalars and strings.
    pub(crate) size: usize,
}

/// Prints a value, as a codec that is `human_readable` sees it: some types (`IpAddr`) look different to it.
///
/// # Errors
///
/// `ErrorKind::Encode` if the value's `Serialize` reports an error. Its text is not passed on: it may hold the value.
pub(crate) fn print<T: Serialize + ?Sized>(value: &T, human_readable: bool) -> Result<Print, Error> {
    let mut printer = Printer { hash: SEED, size: 0, human_readable };
    match value.serialize(&mut printer) {
        Ok(()) => Ok(Print { hash: finish(printer.hash), size: printer.size }),
        Err(fmt::Error) => {
            Err(Error::new(ErrorKind::Encode, "the value cannot be serialized: its `Serialize` reported an error"))
        }
    }
}

// wyhash's default secret.
const SEED: u64 = 0x2d35_8dcc_aa6c_78a5;
const LEFT: u64 = 0x8bb8_4b93_962e_acc9;
const RIGHT: u64 = 0x4b33_a62e_d433_d4a3;
const LAST: u64 = 0x4d5a_2da5_1de1_aa47;

#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Spreads a hash over all bits, so that hashes may be added up.
#[inline]
fn finish(hash: u64) -> u64 {
    mix(hash ^ LAST, hash ^ RIGHT)
}

/// The kinds of values. An integer of another width is of another kind: its type has changed.
#[derive(Clone, Copy)]
enum Kind {
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Str,
    Bytes,
    Unit,
    None,
    Some,
    Variant,
    Newtype,
    Seq,
    Tuple,
    Map,
    Struct,
    Name,
}

struct Printer {
    hash: u64,
    size: usize,
    human_readable: bool,
}

impl Printer {
    #[inline]
    fn add(&mut self, kind: Kind, word: u64) {
        // The kind stands where it meets neither operand's low bits.
        self.hash = mix(self.hash ^ LEFT ^ (kind as u64) << 56, word ^ RIGHT);
    }

    #[inline]
    fn scalar(&mut self, kind: Kind, word: u64, size: usize) {
        self.add(kind, word);
        self.size += size;
    }

    fn wide(&mut self, kind: Kind, word: u128) {
        self.add(kind, word as u64);
        self.scalar(kind, (word >> 64) as u64, 16);
    }

    #[inline]
    fn bytes(&mut self, kind: Kind, bytes: &[u8]) {
        let length = bytes.len();
        let word = match length {
            0 => 0,
            1..4 => u64::from(bytes[0]) << 16 | u64::from(bytes[length / 2]) << 8 | u64::from(bytes[length - 1]),
            4..=8 => u64::from(read_u32(bytes)) << 32 | u64::from(read_u32(&bytes[length - 4..])),
            _ => self.all_but_the_last_word(bytes),
        };
        self.add(kind, word);
        self.add(kind, length as u64);
    }

    /// Mixes in everything that is not in the last eight bytes, which it answers.
    fn all_but_the_last_word(&mut self, bytes: &[u8]) -> u64 {
        let mut rest = bytes;
        while let Some((pair, more)) = rest.split_first_chunk::<16>().filter(|(_, more)| !more.is_empty()) {
            self.hash = mix(read_u64(&pair[..8]) ^ LEFT, read_u64(&pair[8..]) ^ self.hash);
            rest = more;
        }
        if rest.len() > 8 {
            self.hash = mix(self.hash ^ LEFT, read_u64(rest) ^ RIGHT);
        }
        read_u64(&bytes[bytes.len() - 8..])
    }

    #[inline]
    fn name(&mut self, name: &'static str) {
        self.bytes(Kind::Name, name.as_bytes());
    }

    #[inline]
    fn variant(&mut self, name: &'static str, variant: &'static str) {
        self.name(name);
        self.bytes(Kind::Variant, variant.as_bytes());
        self.size += 1;
    }
}

#[inline]
fn read_u32(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

#[inline]
fn read_u64(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
