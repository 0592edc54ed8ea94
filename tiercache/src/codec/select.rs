//! The choice of a codec.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bounded::Bounded;
use crate::error::{Error, ErrorKind};

/// How values become bytes in L2. Which ones there are is chosen by the features of the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// [bincode](https://docs.rs/bincode) 2: compact and fast. Values that serialize without telling a length, or that
    /// must be read by asking what comes next (`serde_json::Value`, `#[serde(untagged)]`), do not fit.
    #[cfg(feature = "bincode")]
    Bincode,
    /// [postcard](https://docs.rs/postcard): as compact as bincode, with a specified wire format, for the same values.
    #[cfg(feature = "postcard")]
    Postcard,
    /// JSON: larger and slower, for every value with string keys, and readable in `redis-cli`.
    #[cfg(feature = "json")]
    Json,
}

impl Codec {
    /// All that are compiled in, the default first.
    const ALL: &[Self] = &[
        #[cfg(feature = "bincode")]
        Self::Bincode,
        #[cfg(feature = "postcard")]
        Self::Postcard,
        #[cfg(feature = "json")]
        Self::Json,
    ];

    /// The first that is compiled in of bincode, postcard and JSON; `None` if none is.
    pub fn default_codec() -> Option<Self> {
        Self::ALL.first().copied()
    }

    /// The byte that stands for it in L2.
    pub(crate) fn id(self) -> u8 {
        match self {
            #[cfg(feature = "bincode")]
            Self::Bincode => 1,
            #[cfg(feature = "postcard")]
            Self::Postcard => 2,
            #[cfg(feature = "json")]
            Self::Json => 3,
        }
    }

    /// The codec of an [`id`](Self::id); `None` if it is unknown or not compiled in.
    pub(crate) fn from_id(id: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|codec| codec.id() == id)
    }

    /// Its name, as in `codec = "…"` and `TIERCACHE_CODEC`.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "bincode")]
            Self::Bincode => "bincode",
            #[cfg(feature = "postcard")]
            Self::Postcard => "postcard",
            #[cfg(feature = "json")]
            Self::Json => "json",
        }
    }

    /// Whether types that have a form for people take it.
    pub(crate) fn is_human_readable(self) -> bool {
        match self {
            #[cfg(feature = "bincode")]
            Self::Bincode => false,
            #[cfg(feature = "postcard")]
            Self::Postcard => false,
            #[cfg(feature = "json")]
            Self::Json => true,
        }
    }

    /// Appends the encoded `value` to `out`; on an error `out` is as before.
    ///
    /// # Errors
    ///
    /// `ErrorKind::TooLarge` as soon as there are more than `limit` bytes, `ErrorKind::Encode` if the value does not fit
    /// the codec. The codec's own text is not passed on: it may hold the value.
    pub(crate) fn encode_into<T: Serialize + ?Sized>(
        self,
        value: &T,
        out: &mut Vec<u8>,
        limit: usize,
    ) -> Result<(), Error> {
        let before = out.len();
        let mut bounded = Bounded::new(out, limit);
        let done = self.write(value, &mut bounded);
        let full = bounded.is_full();
        if full || !done {
            out.truncate(before);
        }
        match (full, done) {
            (true, _) => Err(Error::new(
                ErrorKind::TooLarge,
                format!("the value takes more than {limit} bytes with {self}, which is the size limit"),
            )),
            (false, false) => Err(Error::new(ErrorKind::Encode, format!("the value does not fit the codec {self}"))),
            (false, true) => Ok(()),
        }
    }

    /// The value that `bytes`, all of them, are.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Decode`, without the codec's own text: it may hold the value.
    pub(crate) fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, Error> {
        self.read(bytes).ok_or_else(|| {
            Error::new(ErrorKind::Decode, format!("the stored bytes are no value of this type in {self}"))
        })
    }

    #[cfg_attr(not(any(feature = "bincode", feature = "postcard", feature = "json")), expect(unused_variables))]
    fn write<T: Serialize + ?Sized>(self, value: &T, out: &mut Bounded<'_>) -> bool {
        match self {
            #[cfg(feature = "bincode")]
            Self::Bincode => super::bincode::encode(value, out),
            #[cfg(feature = "postcard")]
            Self::Postcard => super::postcard::encode(value, out),
            #[cfg(feature = "json")]
            Self::Json => super::json::encode(value, out),
        }
    }

    #[cfg_attr(not(any(feature = "bincode", feature = "postcard", feature = "json")), expect(unused_variables))]
    fn read<T: DeserializeOwned>(self, bytes: &[u8]) -> Option<T> {
        match self {
            #[cfg(feature = "bincode")]
            Self::Bincode => super::bincode::decode(bytes),
            #[cfg(feature = "postcard")]
            Self::Postcard => super::postcard::decode(bytes),
            #[cfg(feature = "json")]
            Self::Json => super::json::decode(bytes),
        }
    }
}

#[cfg(any(feature = "bincode", feature = "postcard", feature = "json"))]
impl Default for Codec {
    fn default() -> Self {
        Self::ALL[0]
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Codec {
    type Err = Error;

    /// The codec of a [`name`](Self::name).
    ///
    /// # Errors
    ///
    /// `ErrorKind::Config` if it is unknown or its feature is off; the text lists what there is.
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.iter().copied().find(|codec| codec.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|codec| codec.name()).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Error::config(match name {
                "bincode" | "postcard" | "json" => {
                    format!("codec {name:?} is not compiled in: enable tiercache's feature {name:?}; there is: {known}")
                }
                _ => format!("unknown codec {name:?}; there is: {known}"),
            })
        })
    }
}
