//! JSON, compact.

use std::io::{Error, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bounded::Bounded;
use super::guard::Guard;

pub(super) fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Bounded<'_>) -> bool {
    serde_json::to_writer(Out(out), value).is_ok()
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let guard = Guard::new(bytes.len());
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = T::deserialize(guard.over(&mut deserializer)).ok()?;
    deserializer.end().ok()?;
    Some(value)
}

struct Out<'a, 'b>(&'a mut Bounded<'b>);

impl Write for Out<'_, '_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        if self.0.put(bytes) { Ok(bytes.len()) } else { Err(std::io::ErrorKind::FileTooLarge.into()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
