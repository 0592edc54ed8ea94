//! The canonical encoding of key parts, as a `serde::Serializer`: which part of the format stands for which value.

use std::fmt::{self, Display, Write as _};

use serde::ser::{self, Serialize};

use super::canonical::KeyHasher;
use super::compound::Entries;
use super::format::{Pieces, tag};

impl<'a> ser::Serializer for &'a mut KeyHasher {
    type Ok = ();
    /// Without text, see [`KeyHasher::finish`].
    type Error = fmt::Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Entries<'a>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> fmt::Result {
        self.put_tag(tag::FALSE + u8::from(value));
        Ok(())
    }

    #[inline]
    fn serialize_i8(self, value: i8) -> fmt::Result {
        self.serialize_i64(value.into())
    }

    #[inline]
    fn serialize_i16(self, value: i16) -> fmt::Result {
        self.serialize_i64(value.into())
    }

    #[inline]
    fn serialize_i32(self, value: i32) -> fmt::Result {
        self.serialize_i64(value.into())
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> fmt::Result {
        self.put_integer(if value < 0 { tag::NEGATIVE } else { tag::POSITIVE }, value.unsigned_abs());
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> fmt::Result {
        self.put_wide_integer(if value < 0 { tag::NEGATIVE } else { tag::POSITIVE }, value.unsigned_abs());
        Ok(())
    }

    #[inline]
    fn serialize_u8(self, value: u8) -> fmt::Result {
        self.serialize_u64(value.into())
    }

    #[inline]
    fn serialize_u16(self, value: u16) -> fmt::Result {
        self.serialize_u64(value.into())
    }

    #[inline]
    fn serialize_u32(self, value: u32) -> fmt::Result {
        self.serialize_u64(value.into())
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> fmt::Result {
        self.put_integer(tag::POSITIVE, value);
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> fmt::Result {
        self.put_wide_integer(tag::POSITIVE, value);
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> fmt::Result {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> fmt::Result {
        let canonical = if value == 0.0 {
            0.0
        } else if value.is_nan() {
            f64::from_bits(0x7ff8_0000_0000_0000)
        } else {
            value
        };
        self.put_tag(tag::FLOAT);
        self.put(&canonical.to_bits().to_le_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> fmt::Result {
        self.put_tag(tag::CHAR);
        self.put(&u32::from(value).to_le_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_str(self, value: &str) -> fmt::Result {
        self.put_sized(tag::STR, value.as_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> fmt::Result {
        self.put_sized(tag::BYTES, value);
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> fmt::Result {
        self.put_tag(tag::NONE);
        Ok(())
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> fmt::Result {
        self.put_tag(tag::SOME);
        self.value(value)
    }

    #[inline]
    fn serialize_unit(self) -> fmt::Result {
        self.put_tag(tag::UNIT);
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> fmt::Result {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> fmt::Result {
        self.put_sized(tag::UNIT_VARIANT, variant.as_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> fmt::Result {
        self.value(value)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> fmt::Result {
        self.put_sized(tag::NEWTYPE_VARIANT, variant.as_bytes());
        self.value(value)
    }

    #[inline]
    fn serialize_seq(self, _: Option<usize>) -> Result<Self, fmt::Error> {
        self.put_tag(tag::SEQ);
        Ok(self)
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Self, fmt::Error> {
        self.serialize_seq(None)
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, fmt::Error> {
        self.serialize_seq(None)
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, fmt::Error> {
        self.put_sized(tag::TUPLE_VARIANT, variant.as_bytes());
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries<'a>, fmt::Error> {
        Ok(Entries::new(self))
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, fmt::Error> {
        self.put_tag(tag::STRUCT);
        Ok(self)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, fmt::Error> {
        self.put_sized(tag::STRUCT_VARIANT, variant.as_bytes());
        Ok(self)
    }

    /// Streams what serde would collect into a `String`.
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> fmt::Result {
        self.put_tag(tag::TEXT);
        let mut pieces = Pieces::new(self);
        write!(pieces, "{value}")?;
        pieces.end();
        Ok(())
    }
}
