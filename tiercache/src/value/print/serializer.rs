//! What each kind of value adds to a print.

use std::fmt;

use serde::ser::{self, Serialize};

use super::compound::Unordered;
use super::{Kind, Printer};

impl<'a> ser::Serializer for &'a mut Printer {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = Unordered<'a>;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Unordered<'a>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.human_readable
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> fmt::Result {
        self.scalar(Kind::Bool, value.into(), 1);
        Ok(())
    }

    #[inline]
    fn serialize_i8(self, value: i8) -> fmt::Result {
        self.scalar(Kind::I8, i64::from(value).cast_unsigned(), 1);
        Ok(())
    }

    #[inline]
    fn serialize_i16(self, value: i16) -> fmt::Result {
        self.scalar(Kind::I16, i64::from(value).cast_unsigned(), 2);
        Ok(())
    }

    #[inline]
    fn serialize_i32(self, value: i32) -> fmt::Result {
        self.scalar(Kind::I32, i64::from(value).cast_unsigned(), 4);
        Ok(())
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> fmt::Result {
        self.scalar(Kind::I64, value.cast_unsigned(), 8);
        Ok(())
    }

    #[inline]
    fn serialize_u8(self, value: u8) -> fmt::Result {
        self.scalar(Kind::U8, value.into(), 1);
        Ok(())
    }

    #[inline]
    fn serialize_u16(self, value: u16) -> fmt::Result {
        self.scalar(Kind::U16, value.into(), 2);
        Ok(())
    }

    #[inline]
    fn serialize_u32(self, value: u32) -> fmt::Result {
        self.scalar(Kind::U32, value.into(), 4);
        Ok(())
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> fmt::Result {
        self.scalar(Kind::U64, value, 8);
        Ok(())
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> fmt::Result {
        self.scalar(Kind::F32, value.to_bits().into(), 4);
        Ok(())
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> fmt::Result {
        self.scalar(Kind::F64, value.to_bits(), 8);
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> fmt::Result {
        self.wide(Kind::I128, value.cast_unsigned());
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> fmt::Result {
        self.wide(Kind::U128, value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> fmt::Result {
        self.scalar(Kind::Char, u32::from(value).into(), 4);
        Ok(())
    }

    #[inline]
    fn serialize_str(self, value: &str) -> fmt::Result {
        self.bytes(Kind::Str, value.as_bytes());
        self.size += 1 + value.len();
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> fmt::Result {
        self.bytes(Kind::Bytes, value);
        self.size += 1 + value.len();
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> fmt::Result {
        self.scalar(Kind::None, 0, 1);
        Ok(())
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> fmt::Result {
        self.scalar(Kind::Some, 0, 1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> fmt::Result {
        self.scalar(Kind::Unit, 0, 0);
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> fmt::Result {
        self.name(name);
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(self, name: &'static str, _: u32, variant: &'static str) -> fmt::Result {
        self.variant(name, variant);
        self.serialize_unit()
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> fmt::Result {
        self.name(name);
        self.add(Kind::Newtype, 0);
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> fmt::Result {
        self.variant(name, variant);
        self.add(Kind::Newtype, 0);
        value.serialize(self)
    }

    #[inline]
    fn serialize_seq(self, _: Option<usize>) -> Result<Unordered<'a>, fmt::Error> {
        Ok(Unordered::new(Kind::Seq, self))
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Self, fmt::Error> {
        self.add(Kind::Tuple, len as u64);
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self, fmt::Error> {
        self.name(name);
        self.serialize_tuple(len)
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self, fmt::Error> {
        self.variant(name, variant);
        self.serialize_tuple(len)
    }

    #[inline]
    fn serialize_map(self, _: Option<usize>) -> Result<Unordered<'a>, fmt::Error> {
        Ok(Unordered::new(Kind::Map, self))
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self, fmt::Error> {
        self.name(name);
        self.add(Kind::Struct, len as u64);
        Ok(self)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self, fmt::Error> {
        self.variant(name, variant);
        self.add(Kind::Struct, len as u64);
        Ok(self)
    }
}
