//! Wrappers of an L2, for the tests of those who use this crate: one that misbehaves on command, one that keeps a record.

mod around;
mod chaos;
mod recording;

use std::sync::Arc;

use crate::cache::L2;
use crate::error::{Error, Result};
use crate::store::Store;

pub use around::Operation;
pub use chaos::Chaos;
pub use recording::{Recorded, Recording};

use around::{Around, Wrap};

/// A store that several wrappers may be made of, or why it could not be opened.
type Inner = Arc<Result<Arc<dyn Store>>>;

/// The store in `inner` behind `wrap`. Why it could not be opened is said by the `build()` that asks for it.
fn wrapped(inner: &Inner, wrap: impl Wrap) -> L2 {
    match &**inner {
        Ok(inner) => L2::of(Around { wrap, inner: Arc::clone(inner) }),
        Err(error) => L2 { store: Err(Error::new(error.kind(), error.to_string())) },
    }
}
