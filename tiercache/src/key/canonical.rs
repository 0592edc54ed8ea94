//! The hash of a key: SHA-256 of a site and the canonical encoding of the key parts.
//!
//! The encoding (see [`super::format`]) is written into a buffer on the stack that begins with the site and is padded
//! where it lies: a small key is one block and no allocation. The padding is done here, by FIPS 180-4 §5.1.1, because
//! the buffering of `sha2::Sha256` costs a small key as much again as its block does. Only maps, whose entries must be
//! sorted, are kept on the heap.

use std::fmt;

use serde::Serialize;
use sha2::block_api::compress256;

use super::digest::Digest;
use super::site::SiteDigest;
use crate::error::{Error, ErrorKind};

const BLOCK: usize = 64;
const ROOM: usize = 2 * BLOCK;

/// Where the state of SHA-256 begins, FIPS 180-4 §5.3.3.
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Hashes the parts of one key.
pub(crate) struct KeyHasher {
    state: [u32; 8],
    /// How many bytes went from the buffer into the state.
    hashed: usize,
    /// Zero behind `len`, which is what the padding needs.
    buffer: [u8; ROOM],
    len: usize,
    /// How far a write may go and leave the buffer short of full; 0 within a map, so that one comparison finds both.
    limit: usize,
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
        Self { state: INITIAL, hashed: 0, buffer, len: 32, limit: ROOM - 1, entries: Vec::new(), failed: false }
    }

    /// Adds a part. If it cannot be serialized, [`finish`](Self::finish) says so and later parts are ignored.
    #[inline]
    pub(crate) fn part<P: Serialize + ?Sized>(&mut self, part: &P) {
        if !self.failed {
            // Remembered by `value`.
            let _ = self.value(part);
        }
    }

    /// The digest of all parts. Afterwards the hasher is used up.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Encode` if a part could not be serialized. Why is not told: the text of a foreign error may hold
    /// what is in the part, and arguments do not go into logs.
    #[inline]
    pub(crate) fn finish(&mut self) -> Result<Digest, Error> {
        // A map that is still open failed, and its failure was swallowed by a `Serialize` of the user's.
        if self.failed || self.limit == 0 {
            return Err(unserializable());
        }
        let bits = (self.hashed + self.len) as u64 * 8;
        self.buffer[self.len] = 0x80;
        let mut end = (self.len + 9).next_multiple_of(BLOCK);
        if end > ROOM {
            self.flush();
            end = BLOCK;
        }
        self.buffer[end - 8..end].copy_from_slice(&bits.to_be_bytes());
        compress256(&mut self.state, self.buffer[..end].as_chunks().0);
        Ok(Digest::from_words(self.state))
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
        if after <= self.limit {
            self.buffer[self.len..after].copy_from_slice(bytes);
            self.len = after;
        } else {
            self.put_elsewhere(bytes);
        }
    }

    /// Puts the first `len` of `bytes`, of which the others are zero: as one copy of a fixed size, where there is room.
    #[inline]
    pub(super) fn put_first<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        let after = self.len + N;
        if after <= self.limit {
            self.buffer[self.len..after].copy_from_slice(bytes);
            self.len += len;
        } else {
            self.put_elsewhere(&bytes[..len]);
        }
    }

    #[cold]
    fn put_elsewhere(&mut self, mut bytes: &[u8]) {
        if self.limit == 0 {
            self.entries.extend_from_slice(bytes);
            return;
        }
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(ROOM - self.len));
            self.buffer[self.len..self.len + now.len()].copy_from_slice(now);
            self.len += now.len();
            if self.len == ROOM {
                self.flush();
            }
            bytes = later;
        }
    }

    fn flush(&mut self) {
        compress256(&mut self.state, self.buffer.as_chunks().0);
        self.hashed += ROOM;
        self.buffer = [0; ROOM];
        self.len = 0;
    }

    /// From now on everything put goes to `entries`; answers what to [`redirect`](Self::redirect) back to.
    pub(super) fn collect_entries(&mut self) -> usize {
        std::mem::replace(&mut self.limit, 0)
    }

    pub(super) fn redirect(&mut self, limit: usize) {
        self.limit = limit;
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

/// The canonical encoding of a part, which [`KeyHasher`] hashes and does not keep.
#[cfg(any(test, fuzzing))]
pub(crate) fn encoding<P: Serialize + ?Sized>(part: &P) -> Vec<u8> {
    let mut hasher = KeyHasher::new(&SiteDigest::direct(""));
    hasher.collect_entries();
    hasher.part(part);
    hasher.entries
}
