//! Tiered caching for async Rust: annotate a function, and its results live in memory and in Redis.
//!
//! ```
//! use std::time::Duration;
//! use tiercache::{Cache, cached};
//!
//! #[cached(ttl = 300, prefix = "user")]
//! async fn user_name(id: u64) -> Result<String, std::io::Error> {
//!     Ok(format!("user {id}")) // a query, usually
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = Cache::builder().default_ttl(Duration::from_secs(60)).build().await?;
//! cache.install()?;
//!
//! assert_eq!(user_name(42).await?, "user 42"); // runs the body
//! assert_eq!(user_name(42).await?, "user 42"); // does not
//! user_name_entry(42).invalidate().await?;
//! # Ok(()) }
//! ```
//!
//! # The path of a call
//!
//! The arguments are hashed with SHA-256. L1, in this process, holds typed values: a hit decodes and allocates nothing. On a miss, one
//! caller of all who want the same value looks in L2 and then runs the body; the others wait for it. What the body returns goes into L2 and
//! then into L1, unless an invalidation came in between.
//!
//! # Where to look
//!
//! - [`cached`](macro@cached), the attribute, with every option; [`entry!`](macro@entry), an address declared by itself.
//! - [`invalidates`](macro@invalidates), the attribute of functions that write; [`updates`](macro@updates), of those whose value is kept.
//! - [`Cache`] and [`CacheBuilder`]: tiers, lives, named caches; [`Cache::from_env`].
//! - [`Entry`], the typed address of one value: look, set, invalidate; [`Write`], a write that stores its value.
//! - [`CallExt`], one call handled differently; [`Cache::scope`], a cache of its own for a test.
//! - [`Cache::warm`], many calls at startup; [`CacheBuilder::keep_hot_keys`], the hottest values in memory again.
//! - [`Cache::get_many`], [`Cache::set_many`], and `batch(…)` of [`cached`](macro@cached): many values in few round trips.
//! - [`Cache::stats`] and [`Cache::health`].
//! - [`guide::invalidation`]: what to invalidate, when, and what is promised then; [`guide::proof`]: how that is checked.
//! - [`guide::redis`]: one server, Sentinel or Cluster; TLS, permissions, memory, and what is stored.
//! - [`guide::faults`]: what is promised when Redis misbehaves, measured fault by fault; which settings matter then.
//! - [`guide::freshness`]: what to do about values that are old, and bodies that are slow or fail.
//!
//! # Concurrent calls on the same key
//!
//! One caller leads, the others wait. When the leader is dropped, panics, or was woken and then not polled for 100 ms, a waiter takes
//! over; one that has waited for `wait_limit` (10 s) runs its own body. An error that is `Clone + Send + Sync + 'static` is shared with those
//! who waited; otherwise each runs its own body at once. A function that calls itself with the same key runs its body instead of waiting for
//! itself.
//!
//! # A warm start
//!
//! What L2 holds is there after a restart, but memory is empty: the first call of each key reads L2. Two things are done before anyone
//! waits. [`Cache::warm`] makes the calls that you name, and runs the bodies of what no tier has. [`CacheBuilder::keep_hot_keys`] names
//! none: the keys that were hit most in the last run are read from L2 into memory, in the background, a function's at its first call that
//! memory cannot answer. No body is run for that. Functions with tags and keys made by hand are left out.
//!
//! # When another cache suits better
//!
//! | | |
//! |---|---|
//! | one process, one function, no Redis | `cached` |
//! | a map with eviction that you call yourself | `moka`, `quick_cache`, `foyer` |
//! | values that cannot be serialized | `moka` |

#![cfg_attr(
    not(all(
        any(feature = "mini-moka", feature = "quick-cache"),
        any(feature = "bincode", feature = "postcard", feature = "json"),
        any(feature = "redis", feature = "test-util"),
    )),
    allow(dead_code, unused_imports, reason = "what a missing engine, codec or L2 leaves unused")
)]

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
#[cfg(all(test, feature = "test-util", feature = "macros"))]
mod simulation;
mod stats;
mod store;
mod sync;
#[cfg(feature = "test-util")]
mod testing;
mod time;
mod value;
mod warm;

#[doc(hidden)]
#[path = "private/mod.rs"]
pub mod __private;

pub use cache::{BusHealth, Cache, CacheBuilder, Freshness, Health, Keys, L2, L2Health, Named, Policy, WriteMode};
pub use call::{Adjusted, CallExt, Outcome, WithOutcome};
pub use codec::Codec;
pub use entry::{Entry, Write};
pub use error::{Error, ErrorKind, Result, TimedOut};
pub use key::Key;
pub use l1::L1;
pub use stats::{Counts, L2Counts, Latency, Source, Stats};
#[cfg(feature = "embedded")]
pub use store::embedded::Embedded;
#[cfg(feature = "test-util")]
pub use store::memory::Memory;
#[cfg(feature = "redis")]
pub use store::redis::Redis;
#[cfg(feature = "test-util")]
pub use testing::{Chaos, Operation, Recorded, Recording};
#[cfg(feature = "macros")]
pub use tiercache_macros::{cached, entry, invalidates, updates};
pub use value::{Cacheable, KeyPart};
pub use warm::{Progress, Warm};

/// Guides: a page a question.
pub mod guide {
    /// Which of key, tag, prefix and namespace to invalidate, when, and what is promised then.
    #[cfg_attr(feature = "macros", doc = include_str!("../docs/invalidation.md"))]
    pub mod invalidation {}

    /// What is promised about freshness, and how it is checked, with the figures.
    #[doc = include_str!("../docs/proof.md")]
    pub mod proof {}

    /// Redis as L2: one server, Sentinel, Cluster; TLS, permissions, memory, and what is stored.
    #[cfg_attr(feature = "redis", doc = include_str!("../docs/redis.md"))]
    pub mod redis {}

    /// What is promised when Redis misbehaves, and what each fault costs, measured.
    #[doc = include_str!("../docs/faults.md")]
    pub mod faults {}

    /// Values that are old, late or missing: which option for which trouble, and what each promises.
    #[cfg_attr(feature = "macros", doc = include_str!("../docs/freshness.md"))]
    pub mod freshness {}
    /// How to test code that caches: a cache for each test, time that is moved, an L2 that fails on command.
    #[cfg(feature = "test-util")]
    #[cfg_attr(feature = "macros", doc = include_str!("../docs/testing.md"))]
    pub mod testing {}
}

/// The examples of the README run as doc tests.
#[cfg(all(doctest, feature = "macros", feature = "redis"))]
#[doc = include_str!("../../README.md")]
pub struct Readme;
