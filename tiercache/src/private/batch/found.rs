//! What a batch returns: a map of what it found, or a `Result` of one.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use super::Id;
use crate::value::Cacheable;

/// A map that a batch can put together.
pub trait Map: Default {
    /// What tells the elements apart.
    type Id: Id;
    /// What is kept of each.
    type Value: Cacheable;

    /// Puts an element in.
    fn put(&mut self, id: Self::Id, value: Self::Value);

    /// Takes an element out.
    fn take(&mut self, id: &Self::Id) -> Option<Self::Value>;
}

impl<K: Id, V: Cacheable, S: BuildHasher + Default> Map for HashMap<K, V, S>
where
    K: Eq + Hash,
{
    type Id = K;
    type Value = V;

    fn put(&mut self, id: K, value: V) {
        self.insert(id, value);
    }

    fn take(&mut self, id: &K) -> Option<V> {
        self.remove(id)
    }
}

impl<K: Id + Ord, V: Cacheable> Map for BTreeMap<K, V> {
    type Id = K;
    type Value = V;

    fn put(&mut self, id: K, value: V) {
        self.insert(id, value);
    }

    fn take(&mut self, id: &K) -> Option<V> {
        self.remove(id)
    }
}

/// What a batch may return.
#[diagnostic::on_unimplemented(
    message = "a batch cannot return `{Self}`",
    label = "not a map of what was found",
    note = "return `HashMap<Id, Value>`, `BTreeMap<Id, Value>`, or a `Result` of one; ids are `Clone + Eq + Hash + Send + Sync`, values can be kept in a cache"
)]
pub trait Found: Sized {
    /// What tells the elements apart.
    type Id: Id;
    /// What is kept of each.
    type Value: Cacheable;
    /// The map.
    type Map: Map<Id = Self::Id, Value = Self::Value>;

    /// What was found.
    ///
    /// # Errors
    ///
    /// The output as it came, if it is an error.
    fn map(self) -> Result<Self::Map, Self>;

    /// The output for what was found.
    fn found(map: Self::Map) -> Self;
}

impl<M: Map> Found for M {
    type Id = M::Id;
    type Value = M::Value;
    type Map = M;

    fn map(self) -> Result<M, M> {
        Ok(self)
    }

    fn found(map: M) -> M {
        map
    }
}

impl<M: Map, E> Found for Result<M, E> {
    type Id = M::Id;
    type Value = M::Value;
    type Map = M;

    fn map(self) -> Result<M, Self> {
        self.map_err(Err)
    }

    fn found(map: M) -> Self {
        Ok(map)
    }
}
