//! The one error type of this crate: a kind to match on, a text that names the cure, a source.

use std::error::Error as StdError;
use std::fmt;

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting, URL, prefix or option is wrong; the text names it and the cure.
    Config,
    /// No cache is installed, or it has been closed.
    NotInstalled,
    /// L2 could not be reached.
    Unavailable,
    /// L2 did not answer within its deadline.
    Timeout,
    /// L2 answered that it cannot serve now (loading, busy, read-only, …).
    Overloaded,
    /// L2 has no memory left: it keeps nothing more, but is read, and told what is invalid.
    OutOfMemory,
    /// An invalidation has not reached L2: this process has forgotten the value, and tells L2 as soon as it answers.
    Pending,
    /// L2 refuses us: wrong password, TLS mismatch.
    Refused,
    /// L2 serves us, but does not permit this operation: the text names the command. It is used for the rest.
    Forbidden,
    /// L2 holds something of another type at the key.
    WrongType,
    /// Any other answer of L2 that is an error.
    Protocol,
    /// A key part or a value could not be serialized.
    Encode,
    /// Stored bytes could not be turned into a value of the type asked for.
    Decode,
    /// An encoded value is larger than the size limit.
    TooLarge,
    /// Reading or writing the disk failed.
    Io,
}

/// An error of the cache itself. Errors of cached functions are never wrapped in it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    text: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The body of a cached function took longer than its `timeout`, and there was no stale value to give.
///
/// A function with a `timeout` returns it as its own error: `E: From<TimedOut>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body of a cached function took longer than its timeout")
    }
}

impl StdError for TimedOut {}

/// Shorthand for results of the cache itself.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), source: None }
    }

    pub(crate) fn config(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, text)
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong, to match on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}
