//! postcard 1.

use postcard::ser_flavors::Flavor;
use postcard::{Deserializer, Error, serialize_with_flavor};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bounded::Bounded;
use super::guard::Guard;

pub(super) fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Bounded<'_>) -> bool {
    serialize_with_flavor(value, Out(out)).is_ok()
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let guard = Guard::new(bytes.len());
    let mut deserializer = Deserializer::from_bytes(bytes);
    let value = T::deserialize(guard.over(&mut deserializer)).ok()?;
    deserializer.finalize().ok()?.is_empty().then_some(value)
}

struct Out<'a, 'b>(&'a mut Bounded<'b>);

impl Flavor for Out<'_, '_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> Result<(), Error> {
        self.try_extend(&[byte])
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.0.put(bytes) { Ok(()) } else { Err(Error::SerializeBufferFull) }
    }

    fn finalize(self) -> Result<(), Error> {
        Ok(())
    }
}
