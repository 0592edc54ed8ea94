//! The flight and the fence, compiled from their very sources with loom's primitives in the place of std's. Each model runs
//! through every interleaving of its threads, up to a number of preemptions; loom also fails when all threads wait.

#![allow(clippy::missing_panics_doc, reason = "a model panics when its promise is broken")]
#![allow(clippy::similar_names, reason = "a lead has a load, a waiter a waker")]

pub mod fences;
pub mod flights;

/// What the sources below take from `crate::sync`.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU32, Ordering};
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    pub(crate) use loom::thread_local;
}

/// What the fence takes from `crate::key`.
mod key {
    pub(crate) struct Digest([u8; 32]);

    impl Digest {
        pub(crate) fn new(bytes: [u8; 32]) -> Self {
            Self(bytes)
        }

        pub(crate) fn as_bytes(&self) -> &[u8; 32] {
            &self.0
        }
    }
}

#[allow(dead_code, clippy::pedantic, reason = "judged where it is shipped")]
#[path = "../../../tiercache/src/coherence/fence.rs"]
mod fence;

#[allow(dead_code, unused_imports, clippy::pedantic, reason = "judged where it is shipped")]
#[path = "../../../tiercache/src/flight/mod.rs"]
mod flight;

/// Runs `model` through its interleavings. More than three preemptions find little that three do not, and take long.
fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}
