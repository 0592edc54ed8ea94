//! Bytes: codecs and the envelope.
//!
//! A codec turns a value into bytes and back; the envelope says whose bytes they are. Bytes come from a store that others
//! can write to, so decoding is total: any bytes give a value or an error, within the stack, and without allocating more
//! than they could stand for. Codecs do not promise that by themselves, so each runs under [`guard`].

#[cfg(feature = "bincode")]
mod bincode;
mod bounded;
pub(crate) mod envelope;
#[cfg(any(feature = "bincode", feature = "postcard", feature = "json"))]
mod guard;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "postcard")]
mod postcard;
mod reject;
mod select;
#[cfg(all(test, any(feature = "bincode", feature = "postcard", feature = "json")))]
mod tests;

pub(crate) use reject::Reject;
pub use select::Codec;
