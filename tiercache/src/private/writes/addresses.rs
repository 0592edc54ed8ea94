//! What is to be invalidated, gathered.

use std::fmt;
use std::future::Future;

use crate::cache::{Batch, Cache};
use crate::entry::Entry;

/// Batches by the cache that they are for: an address keeps its own.
///
/// Once armed, they are invalidated when this is dropped.
#[derive(Default)]
pub struct Known {
    batches: Vec<(Cache, Batch)>,
    is_armed: bool,
}

impl Known {
    /// The batch of a cache.
    pub(super) fn of(&mut self, cache: &Cache) -> &mut Batch {
        let at = self.batches.iter().position(|(other, _)| other.is(cache)).unwrap_or(self.batches.len());
        if at == self.batches.len() {
            self.batches.push((cache.clone(), Batch::default()));
        }
        &mut self.batches[at].1
    }

    pub(super) fn arm(&mut self) {
        self.is_armed = true;
    }

    pub(super) fn disarm(&mut self) {
        self.is_armed = false;
    }

    /// Begins, unless there is nothing to do. What is given only waits for the end.
    pub(super) fn begin(&mut self) -> Option<impl Future<Output = ()> + use<>> {
        if !self.is_armed || self.batches.is_empty() {
            return None;
        }
        self.is_armed = false;
        let begun: Vec<_> = self.batches.drain(..).map(|(cache, batch)| cache.begin(batch)).collect();
        Some(async move {
            for begun in begun {
                begun.end().await;
            }
        })
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        drop(self.begin());
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known")
    }
}

/// An address or several, of any types.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no address of a cached value",
    label = "not an `Entry`",
    note = "name what is invalidated by its companion, as in `get_user_entry(id)`; several can be in an array or a `Vec`"
)]
pub trait Addresses {
    /// Adds them. An address without a cache, or without a key, has no value.
    fn add_to(&self, known: &mut Known);
}

impl<T> Addresses for Entry<T> {
    fn add_to(&self, known: &mut Known) {
        if let Some(request) = self.request() {
            known.of(&request.cache).values.push((request.region, request.digest));
        }
    }
}

#[diagnostic::do_not_recommend]
impl<A: Addresses + ?Sized> Addresses for &A {
    fn add_to(&self, known: &mut Known) {
        (**self).add_to(known);
    }
}

#[diagnostic::do_not_recommend]
impl<A: Addresses> Addresses for [A] {
    fn add_to(&self, known: &mut Known) {
        for address in self {
            address.add_to(known);
        }
    }
}

#[diagnostic::do_not_recommend]
impl<A: Addresses, const N: usize> Addresses for [A; N] {
    fn add_to(&self, known: &mut Known) {
        self.as_slice().add_to(known);
    }
}

#[diagnostic::do_not_recommend]
impl<T: Addresses> Addresses for Vec<T> {
    fn add_to(&self, known: &mut Known) {
        self.as_slice().add_to(known);
    }
}

#[diagnostic::do_not_recommend]
impl<A: Addresses> Addresses for Option<A> {
    fn add_to(&self, known: &mut Known) {
        if let Some(address) = self {
            address.add_to(known);
        }
    }
}

/// What tells addresses, and one more that does.
pub type Told<X, V, A> = (X, fn(&V) -> A);

/// Addresses that a value tells.
pub trait Later<V> {
    /// Adds them.
    fn add_to(&self, value: &V, known: &mut Known);
}

impl<V> Later<V> for () {
    fn add_to(&self, _value: &V, _known: &mut Known) {}
}

impl<V, A: Addresses, X: Later<V>> Later<V> for Told<X, V, A> {
    fn add_to(&self, value: &V, known: &mut Known) {
        self.0.add_to(value, known);
        self.1(value).add_to(known);
    }
}
