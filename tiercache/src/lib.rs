//! Tiered caching for async Rust.

mod codec;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod key;
mod store;
mod time;
mod value;

pub use codec::Codec;
pub use error::{Error, ErrorKind, Result};
pub use key::Key;
