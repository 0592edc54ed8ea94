//! The canonical encoding of what has elements: sequences, structs and variants as they come, maps sorted.

use std::fmt;

use serde::ser::{self, Serialize};

use super::canonical::KeyHasher;
use super::format::tag;

impl ser::SerializeSeq for &mut KeyHasher {
    type Ok = ();
    type Error = fmt::Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        self.value(value)
    }

    #[inline]
    fn end(self) -> fmt::Result {
        self.put_tag(tag::END);
        Ok(())
    }
}

impl ser::SerializeTuple for &mut KeyHasher {
    type Ok = ();
    type Error = fmt::Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        self.value(value)
    }

    #[inline]
    fn end(self) -> fmt::Result {
        ser::SerializeSeq::end(self)
    }
}

impl ser::SerializeTupleStruct for &mut KeyHasher {
    type Ok = ();
    type Error = fmt::Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        self.value(value)
    }

    #[inline]
    fn end(self) -> fmt::Result {
        ser::SerializeSeq::end(self)
    }
}

impl ser::SerializeTupleVariant for &mut KeyHasher {
    type Ok = ();
    type Error = fmt::Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        self.value(value)
    }

    #[inline]
    fn end(self) -> fmt::Result {
        ser::SerializeSeq::end(self)
    }
}

impl ser::SerializeStruct for &mut KeyHasher {
    type Ok = ();
    type Error = fmt::Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> fmt::Result {
        self.put_sized(tag::STR, name.as_bytes());
        self.value(value)
    }

    #[inline]
    fn end(self) -> fmt::Result {
        ser::SerializeSeq::end(self)
    }
}

impl ser::SerializeStructVariant for &mut KeyHasher {
    type Ok = ();
    type Error = fmt::Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> fmt::Result {
        ser::SerializeStruct::serialize_field(self, name, value)
    }

    #[inline]
    fn end(self) -> fmt::Result {
        ser::SerializeSeq::end(self)
    }
}

/// A map that is being encoded. Its entries lie in the hasher's `entries`, behind those of the maps around it.
pub(crate) struct Entries<'a> {
    hasher: &'a mut KeyHasher,
    /// Where each entry begins.
    starts: Vec<usize>,
    /// Where the entries of this map begin.
    first: usize,
    /// Where what was put went before.
    outer: usize,
}

impl<'a> Entries<'a> {
    pub(super) fn new(hasher: &'a mut KeyHasher) -> Self {
        let outer = hasher.collect_entries();
        Self { first: hasher.entries.len(), starts: Vec::new(), outer, hasher }
    }

    /// The entries one behind the other, in the order of their bytes. As no encoding of a key is the beginning of
    /// another one, this is the order of the keys.
    fn sorted(&self) -> Vec<u8> {
        let all = &self.hasher.entries;
        let ends = self.starts.iter().skip(1).copied().chain([all.len()]);
        let mut entries: Vec<&[u8]> = self.starts.iter().zip(ends).map(|(&start, end)| &all[start..end]).collect();
        entries.sort_unstable();
        entries.concat()
    }
}

impl ser::SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> fmt::Result {
        self.starts.push(self.hasher.entries.len());
        self.hasher.value(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        self.hasher.value(value)
    }

    fn end(self) -> fmt::Result {
        let sorted = self.sorted();
        self.hasher.entries.truncate(self.first);
        self.hasher.redirect(self.outer);
        self.hasher.put_tag(tag::MAP);
        self.hasher.put(&sorted);
        self.hasher.put_tag(tag::END);
        Ok(())
    }
}
