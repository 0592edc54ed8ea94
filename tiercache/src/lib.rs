//! Tiered caching for async Rust.

mod cache;
mod call;
mod codec;
mod coherence;
mod entry;
mod error;
mod flight;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod install;
mod key;
mod l1;
mod stats;
mod store;
mod sync;
mod time;
mod value;

#[doc(hidden)]
#[path = "private/mod.rs"]
pub mod __private;

pub use cache::{Cache, CacheBuilder, Health, Keys, L2, L2Health, Named, Policy};
pub use call::{Adjusted, CallExt, Outcome, WithOutcome};
pub use codec::Codec;
pub use entry::Entry;
pub use error::{Error, ErrorKind, Result};
pub use key::Key;
pub use l1::L1;
pub use stats::{Counts, Latency, Source, Stats};
#[cfg(feature = "embedded")]
pub use store::embedded::Embedded;
#[cfg(feature = "test-util")]
pub use store::memory::Memory;
#[cfg(feature = "redis")]
pub use store::redis::Redis;
#[cfg(feature = "macros")]
pub use tiercache_macros::{cached, entry};
pub use value::{Cacheable, KeyPart};
