//! The hash of a key: SHA-256 of a site and the canonical encoding of the key parts.
//!
//! The encoding (see [`super::encode`]) is written into a buffer on the stack that begins with the site, and goes to
//! SHA-256 in one piece at the end: a small key is one block and no allocation. Only what is longer than the buffer is
//! hashed piecemeal, and only maps, whose entries must be sorted, are kept on the heap.

use std::fmt;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::digest::Digest;
use super::site::SiteDigest;
use crate::error::{Error, ErrorKind};

/// Two blocks of SHA-256.
const ROOM: usize = 128;

/// Hashes the parts of one key.
pub(crate) struct KeyHasher {
    buffer: [u8; ROOM],
    len: usize,
    /// Where the buffer is full: `ROOM`, or 0 within a map, so that one comparison finds both cases.
    end: usize,
    /// What the buffer was flushed into.
    hashed: Option<Sha256>,
    /// The encoded entries of the maps that are open.
    pub(super) entries: Vec<u8>,
    failed: bool,
}

impl KeyHasher {
    /// The hasher of a key of `site`.
    #[inline]
    pub(crate) fn new(site: &SiteDigest) -> Self {
        let mut buffer = [0; ROOM];
        buffer[..32].copy_from_slice(site.bytes());
        Self { buffer, len: 32, end: ROOM, hashed: None, entries: Vec::new(), failed: false }
    }

    /// Adds a part. If it cannot be serialized, [`finish`](Self::finish) says so and later parts are ignored.
    #[inline]
    pub(crate) fn part<P: Serialize + ?Sized>(&mut self, part: &P) {
        if !self.failed {
            // Remembered by `value`.
            let _ = self.value(part);
        }
    }

    /// The digest of all parts.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Encode` if a part could not be serialized. Why is not told: the text of a foreign error may hold
    /// what is in the part, and arguments do not go into logs.
    #[inline]
    pub(crate) fn finish(self) -> Result<Digest, Error> {
        // A map that is still open failed, and its failure was swallowed by a `Serialize` of the user's.
        if self.failed || self.end == 0 {
            return Err(unserializable());
        }
        let rest = &self.buffer[..self.len];
        let hash = match self.hashed {
            None => Sha256::digest(rest),
            Some(hashed) => hashed.chain_update(rest).finalize(),
        };
        Ok(Digest::new(hash.into()))
    }

    /// Encodes a value, and remembers a failure even if the caller does not.
    #[inline]
    pub(super) fn value<V: Serialize + ?Sized>(&mut self, value: &V) -> fmt::Result {
        let done = value.serialize(&mut *self);
        self.failed |= done.is_err();
        done
    }

    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8]) {
        let after = self.len + bytes.len();
        if after <= self.end {
            self.buffer[self.len..after].copy_from_slice(bytes);
            self.len = after;
        } else {
            self.put_elsewhere(bytes);
        }
    }

    /// Puts the first `len` of `bytes`: as one copy of a fixed size where there is room, as what lies behind `len` is
    /// overwritten or never read.
    #[inline]
    pub(super) fn put_first<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        if self.len + N <= self.end {
            self.buffer[self.len..self.len + N].copy_from_slice(bytes);
            self.len += len;
        } else {
            self.put_elsewhere(&bytes[..len]);
        }
    }

    #[cold]
    fn put_elsewhere(&mut self, bytes: &[u8]) {
        if self.end == 0 {
            self.entries.extend_from_slice(bytes);
            return;
        }
        let hashed = self.hashed.get_or_insert_default();
        hashed.update(&self.buffer[..self.len]);
        self.len = 0;
        if bytes.len() > ROOM {
            hashed.update(bytes);
        } else {
            self.buffer[..bytes.len()].copy_from_slice(bytes);
            self.len = bytes.len();
        }
    }

    /// From now on everything put goes to `entries`; answers what to [`redirect`](Self::redirect) back to.
    pub(super) fn collect_entries(&mut self) -> usize {
        std::mem::replace(&mut self.end, 0)
    }

    pub(super) fn redirect(&mut self, end: usize) {
        self.end = end;
    }
}

impl fmt::Debug for KeyHasher {
    /// Without the buffers: they hold argument values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyHasher").finish_non_exhaustive()
    }
}

#[cold]
fn unserializable() -> Error {
    Error::new(
        ErrorKind::Encode,
        "a part of the key cannot be serialized: its `Serialize` reported an error; leave the argument out with \
         `skip`, or name what identifies it with `key`",
    )
}
