//! The path of an address: the key, and the cache that is current.

use std::fmt;
use std::marker::PhantomData;

use crate::cache::Cache;
use crate::coherence::tags::Tags;
use crate::entry::Entry;
use crate::error::Result;
use crate::install::scoped;
use crate::key::{Digest, KeyHasher};
use crate::value::{Cacheable, KeyPart};

use super::site::{Instance, Role, Site};

impl Site {
    /// Begins an address.
    pub fn address<H: Fn(), T>(&'static self, _here: H, types: &[&'static str]) -> Address<T> {
        let instance = self.instance::<H>(types, Role::Address);
        Address {
            site: self,
            instance,
            hasher: KeyHasher::new(&instance.digest),
            tags: Tags::default(),
            value: PhantomData,
        }
    }
}

/// An address whose key is being made.
pub struct Address<T> {
    site: &'static Site,
    instance: &'static Instance,
    hasher: KeyHasher,
    tags: Tags,
    value: PhantomData<fn() -> T>,
}

impl<T: Cacheable> Address<T> {
    /// Adds a part of the key.
    #[must_use]
    pub fn part<P: KeyPart + ?Sized>(mut self, part: &P) -> Self {
        self.hasher.part(part);
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag<D: fmt::Display + ?Sized>(mut self, tag: &D) -> Self {
        self.tags.add(tag);
        self
    }

    /// The address, in the cache that is current.
    pub fn entry(mut self) -> Entry<T> {
        let digest: Result<Digest> = self.hasher.finish();
        let Some(cache) = scoped().or_else(Cache::installed) else { return Entry::nowhere() };
        let region = self.site.region(self.instance, &cache);
        Entry::at(cache, region, digest, self.tags)
    }
}

impl<T> fmt::Debug for Address<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address")
    }
}
