//! Tiered caching for async Rust.

mod codec;
mod error;
mod key;
mod store;
mod time;
mod value;

pub use error::{Error, ErrorKind, Result};
#[cfg(feature = "embedded")]
pub use store::embedded::Embedded;
#[cfg(feature = "test-util")]
pub use store::memory::Memory;
