//! The macros' only door. Not for people: it changes with the macros, which are pinned to this very version.

mod address;
mod apart;
pub mod batch;
mod lookup;
mod said;
mod site;
pub mod writes;

use core::time::Duration;

pub use core::any::{type_name, type_name_of_val};

pub use crate::cache::{Keep, Owned, Policy};
pub use crate::value::returns::Returns;
pub use crate::value::shape::Shape;
pub use address::Address;
pub use apart::{Give, Late, Lend, Lent, TimesOut, always, both, given, keep_if, late, own, ttl_from};
pub use lookup::{Call, Look, Lookup, at};
pub use site::Site;

/// A duration that fits on the line it is written on.
pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The same, in milliseconds.
pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// No output. Its type tells rustc what a body returns, before it reads the body.
pub const fn none<S: Shape>(_shape: S) -> Option<S::Output> {
    None
}
