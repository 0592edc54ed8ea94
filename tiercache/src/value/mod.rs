//! What may be stored and what may be in a key, the shapes that functions return, and the value print.

pub(crate) mod print;
pub(crate) mod returns;
pub(crate) mod shape;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a cache can keep: cloned on a hit, encoded for L2, decoded on the way back.
///
/// Implemented for every type that meets the bounds; there is nothing to implement by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept in a cache",
    label = "not `Clone + Serialize + DeserializeOwned + Send + Sync + 'static`",
    note = "derive `Clone`, `serde::Serialize` and `serde::Deserialize` for it, or return an owned type that has them"
)]
pub trait Cacheable: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static> Cacheable for T {}

/// What can be part of a cache key: everything that serde can serialize.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key",
    label = "not `serde::Serialize`",
    note = "derive `serde::Serialize` for it, leave the argument out with `skip(..)`, or name what counts with `key = (..)`"
)]
pub trait KeyPart: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> KeyPart for T {}
