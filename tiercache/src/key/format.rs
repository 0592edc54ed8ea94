//! The format of key parts: what the canonical encoding writes for each kind of value.
//!
//! Every value begins with a tag, and no encoding is the beginning of another one, so a list of encodings can be taken
//! apart in one way only: different parts are different bytes.
//!
//! | value | bytes |
//! |---|---|
//! | integer ≥ 0 | `n`, then the n (0 to 16) bytes of the value, little-endian, without leading zeros; of any width |
//! | integer < 0 | `20 + n`, then the n bytes of the absolute value |
//! | `false`, `true` | `40`, `41` |
//! | float | `42`, then the 8 bytes of the `f64`, little-endian; -0.0 as 0.0, one NaN |
//! | char | `43`, then 4 bytes, little-endian |
//! | str | `44`, length, UTF-8 |
//! | what is only `Display`ed | `45`, then pieces of 64 bytes, the last one shorter: one byte of length, UTF-8 |
//! | bytes | `46`, length, bytes |
//! | unit, unit struct | `47` |
//! | `None` | `48` |
//! | `Some(x)` | `49`, x |
//! | newtype struct | as what is inside |
//! | seq, tuple, tuple struct | `4a`, elements, `51` |
//! | map | `4b`, entries (key, value) sorted by their bytes, `51` |
//! | struct | `4c`, fields (name as a str, value), `51` |
//! | unit variant | `4d`, name |
//! | newtype variant | `4e`, name, value |
//! | tuple variant | `4f`, name, elements, `51` |
//! | struct variant | `50`, name, fields, `51` |
//!
//! Lengths are LEB128; a name of a variant is a length and UTF-8. Names of structs and enums are left out, so that
//! renaming a type keeps the cache; widths of integers too.

use std::fmt;

use super::canonical::KeyHasher;

pub(super) mod tag {
    pub(in super::super) const POSITIVE: u8 = 0x00;
    pub(in super::super) const NEGATIVE: u8 = 0x20;
    pub(in super::super) const FALSE: u8 = 0x40;
    pub(in super::super) const FLOAT: u8 = 0x42;
    pub(in super::super) const CHAR: u8 = 0x43;
    pub(in super::super) const STR: u8 = 0x44;
    pub(in super::super) const TEXT: u8 = 0x45;
    pub(in super::super) const BYTES: u8 = 0x46;
    pub(in super::super) const UNIT: u8 = 0x47;
    pub(in super::super) const NONE: u8 = 0x48;
    pub(in super::super) const SOME: u8 = 0x49;
    pub(in super::super) const SEQ: u8 = 0x4a;
    pub(in super::super) const MAP: u8 = 0x4b;
    pub(in super::super) const STRUCT: u8 = 0x4c;
    pub(in super::super) const UNIT_VARIANT: u8 = 0x4d;
    pub(in super::super) const NEWTYPE_VARIANT: u8 = 0x4e;
    pub(in super::super) const TUPLE_VARIANT: u8 = 0x4f;
    pub(in super::super) const STRUCT_VARIANT: u8 = 0x50;
    pub(in super::super) const END: u8 = 0x51;
}

impl KeyHasher {
    #[inline]
    pub(super) fn put_tag(&mut self, tag: u8) {
        self.put(&[tag]);
    }

    #[inline]
    pub(super) fn put_integer(&mut self, sign: u8, magnitude: u64) {
        let size = 8 - magnitude.leading_zeros() / 8;
        let mut bytes = [0; 9];
        bytes[0] = sign + size as u8;
        bytes[1..].copy_from_slice(&magnitude.to_le_bytes());
        self.put_first(&bytes, 1 + size as usize);
    }

    pub(super) fn put_wide_integer(&mut self, sign: u8, magnitude: u128) {
        let size = 16 - magnitude.leading_zeros() / 8;
        self.put_tag(sign + size as u8);
        self.put(&magnitude.to_le_bytes()[..size as usize]);
    }

    /// A tag, a length in LEB128, and as many bytes.
    #[inline]
    pub(super) fn put_sized(&mut self, tag: u8, bytes: &[u8]) {
        if let Some(word) = short(bytes) {
            let mut all = [0; 18];
            all[0] = tag;
            all[1] = bytes.len() as u8;
            all[2..].copy_from_slice(&word.to_le_bytes());
            self.put_first(&all, 2 + bytes.len());
        } else {
            self.put_tag(tag);
            self.put_length(bytes.len());
            self.put(bytes);
        }
    }

    fn put_length(&mut self, mut length: usize) {
        while length >= 0x80 {
            self.put_tag(length as u8 | 0x80);
            length >>= 7;
        }
        self.put_tag(length as u8);
    }
}

/// Up to 16 bytes as the little-endian number they are, by loads of fixed sizes that overlap: a copy of a length that is
/// known only at run time is a call of `memcpy`, which costs more than the rest of a short string together.
#[inline]
fn short(bytes: &[u8]) -> Option<u128> {
    let n = bytes.len();
    match n {
        0 => Some(0),
        1..4 => {
            let (first, middle, last) = (bytes[0], bytes[n / 2], bytes[n - 1]);
            Some(u128::from(first) | u128::from(middle) << (n / 2 * 8) | u128::from(last) << ((n - 1) * 8))
        }
        4..8 => {
            let (first, last) = (bytes.first_chunk()?, bytes.last_chunk()?);
            Some(u128::from(u32::from_le_bytes(*first)) | u128::from(u32::from_le_bytes(*last)) << ((n - 4) * 8))
        }
        8..=16 => {
            let (first, last) = (bytes.first_chunk()?, bytes.last_chunk()?);
            Some(u128::from(u64::from_le_bytes(*first)) | u128::from(u64::from_le_bytes(*last)) << ((n - 8) * 8))
        }
        _ => None,
    }
}

const PIECE: usize = 64;

/// Cuts text into pieces of one size, however it is written, so that its length need not be known before its end.
pub(super) struct Pieces<'a> {
    piece: [u8; PIECE],
    len: usize,
    hasher: &'a mut KeyHasher,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(hasher: &'a mut KeyHasher) -> Self {
        Self { piece: [0; PIECE], len: 0, hasher }
    }

    /// Writes the last piece; the one that is shorter, if only by being empty.
    pub(super) fn end(mut self) {
        self.flush();
    }

    fn flush(&mut self) {
        self.hasher.put_tag(self.len as u8);
        self.hasher.put(&self.piece[..self.len]);
        self.len = 0;
    }
}

impl fmt::Write for Pieces<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(PIECE - self.len));
            self.piece[self.len..self.len + now.len()].copy_from_slice(now);
            self.len += now.len();
            if self.len == PIECE {
                self.flush();
            }
            rest = later;
        }
        Ok(())
    }
}
