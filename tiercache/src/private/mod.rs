//! The macros' only door. Not for people: it changes with the macros, which are pinned to this very version.

mod lookup;
mod site;

pub use core::any::{type_name, type_name_of_val};

pub use crate::value::shape::{Returns, Shape};
pub use lookup::{Address, Call, Look, Lookup, at};
pub use site::Site;
