//! What has elements: tuples and structs print in order, sequences and maps do not.

use std::fmt;

use serde::ser::{self, Serialize};

use super::{Kind, Printer, SEED, finish};

impl ser::SerializeTuple for &mut Printer {
    type Ok = ();
    type Error = fmt::Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        value.serialize(&mut **self)
    }

    #[inline]
    fn end(self) -> fmt::Result {
        Ok(())
    }
}

impl ser::SerializeTupleStruct for &mut Printer {
    type Ok = ();
    type Error = fmt::Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        value.serialize(&mut **self)
    }

    #[inline]
    fn end(self) -> fmt::Result {
        Ok(())
    }
}

impl ser::SerializeTupleVariant for &mut Printer {
    type Ok = ();
    type Error = fmt::Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        value.serialize(&mut **self)
    }

    #[inline]
    fn end(self) -> fmt::Result {
        Ok(())
    }
}

impl ser::SerializeStruct for &mut Printer {
    type Ok = ();
    type Error = fmt::Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> fmt::Result {
        self.name(name);
        value.serialize(&mut **self)
    }

    #[inline]
    fn end(self) -> fmt::Result {
        Ok(())
    }
}

impl ser::SerializeStructVariant for &mut Printer {
    type Ok = ();
    type Error = fmt::Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> fmt::Result {
        self.name(name);
        value.serialize(&mut **self)
    }

    #[inline]
    fn end(self) -> fmt::Result {
        Ok(())
    }
}

/// A sequence or a map that is being printed: its elements print each for itself, and add up.
pub(super) struct Unordered<'a> {
    printer: &'a mut Printer,
    kind: Kind,
    /// The hash of what came before.
    before: u64,
    sum: u64,
    count: u64,
}

impl<'a> Unordered<'a> {
    #[inline]
    pub(super) fn new(kind: Kind, printer: &'a mut Printer) -> Self {
        printer.size += 1;
        Self { before: printer.hash, kind, sum: 0, count: 0, printer }
    }

    #[inline]
    fn begin(&mut self) {
        self.printer.hash = SEED;
        self.count += 1;
    }

    #[inline]
    fn complete(&mut self) {
        self.sum = self.sum.wrapping_add(finish(self.printer.hash));
    }

    #[inline]
    fn close(self) {
        self.printer.hash = self.before;
        self.printer.add(self.kind, self.count);
        self.printer.add(self.kind, self.sum);
    }
}

impl ser::SerializeSeq for Unordered<'_> {
    type Ok = ();
    type Error = fmt::Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        self.begin();
        value.serialize(&mut *self.printer)?;
        self.complete();
        Ok(())
    }

    #[inline]
    fn end(self) -> fmt::Result {
        self.close();
        Ok(())
    }
}

impl ser::SerializeMap for Unordered<'_> {
    type Ok = ();
    type Error = fmt::Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> fmt::Result {
        self.begin();
        key.serialize(&mut *self.printer)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        value.serialize(&mut *self.printer)?;
        self.complete();
        Ok(())
    }

    #[inline]
    fn end(self) -> fmt::Result {
        self.close();
        Ok(())
    }
}
