//! What the fuzz targets share.

mod shapes;

pub use shapes::{decode, decode_as};

/// What a byte of the input may take at once, at most: a byte may stand for an element, an element of a vector is some dozens of
/// bytes, and a vector that grows is there twice.
const PER_BYTE: u64 = 256;
/// What is taken whatever the input is.
const FIXED: u64 = 16 << 10;

/// Runs what reads an input of so many bytes, and sees that it never holds more memory than those are worth.
///
/// # Panics
///
/// If it does.
pub fn bounded<T>(bytes: usize, read: impl FnOnce() -> T) -> T {
    bounded_by(FIXED, bytes, read)
}

/// As [`bounded`], with so much for whatever the input is.
///
/// # Panics
///
/// As [`bounded`].
pub fn bounded_by<T>(fixed: u64, bytes: usize, read: impl FnOnce() -> T) -> T {
    let mut result = None;
    let held = allocation_counter::measure(|| result = Some(read())).bytes_max;
    let bound = PER_BYTE * bytes as u64 + fixed;
    assert!(held <= bound, "{held} bytes of memory for {bytes} of input; the bound is {bound}");
    result.expect("`measure` runs what it is given")
}
