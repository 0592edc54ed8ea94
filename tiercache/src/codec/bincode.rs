//! bincode 2, in its standard configuration.

use std::marker::PhantomData;

use bincode::config;
use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use bincode::serde::{encode_into_writer, seed_decode_from_slice};
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer};

use super::bounded::Bounded;
use super::guard::Guard;

pub(super) fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Bounded<'_>) -> bool {
    encode_into_writer(value, Out(out), config::standard()).is_ok()
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let guard = Guard::new(bytes.len());
    let seed = Seed { guard: &guard, of: PhantomData };
    let (value, read) = seed_decode_from_slice(seed, bytes, config::standard()).ok()?;
    (read == bytes.len()).then_some(value)
}

struct Out<'a, 'b>(&'a mut Bounded<'b>);

impl Writer for Out<'_, '_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        if self.0.put(bytes) { Ok(()) } else { Err(EncodeError::UnexpectedEnd) }
    }
}

/// Bincode gives its deserializer to seeds only.
struct Seed<'g, T> {
    guard: &'g Guard,
    of: PhantomData<T>,
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Seed<'_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::deserialize(self.guard.over(deserializer))
    }
}
