//! The bytes in L2: whose value it is, how long it lives, and the value.
//!
//! | at | bytes | |
//! |---|---|---|
//! | 0 | 2 | magic, `74 c7` |
//! | 2 | 1 | format version, 1 |
//! | 3 | 1 | flags: bit 0, a kept absence, which has no payload |
//! | 4 | 1 | codec |
//! | 5 | 4 | `version` of the function |
//! | 9 | 8 | value print |
//! | 17 | 32 | SHA-256 of the whole L2 key |
//! | 49 | 8 | soft life, ms |
//! | 57 | 8 | hard life, ms |
//! | 65 | 8 | load time, µs |
//! | 73 | 8 | nonce |
//! | 81 | 1 | number n of stamps |
//! | 82 | 16 n | stamps: hash of the group, stamp |
//! | 82 + 16 n | 4 | length of the payload |
//! | 86 + 16 n | 4 | CRC-32 of everything else, which finds every flipped bit |
//! | 90 + 16 n | | payload |
//!
//! Integers are little-endian. Golden blobs pin it all.

use sha2::{Digest as _, Sha256};

use super::reject::Reject;
use crate::error::{Error, ErrorKind};

#[cfg(test)]
mod tests;

const MAGIC: [u8; 2] = [0x74, 0xc7];
const FORMAT: u8 = 1;
const ABSENT: u8 = 1;
/// In the place of the format: no envelope, but the lease of one who loads it.
const LEASE: u8 = 0;
/// A header with its nonce, and a little more.
const TOKEN: usize = 128;
/// Up to the number of stamps.
const FIXED: usize = 82;
/// Length and checksum.
const TAIL: usize = 8;
/// The longest header of an entry of ours: in a namespace, a prefix and the most tags that it may carry.
pub(crate) const HEAD: usize = FIXED + 16 * 66;

/// What an envelope says of its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// A kept `None`: there is no payload.
    pub(crate) absent: bool,
    /// [`Codec::id`](super::Codec::id) of what encoded the payload.
    pub(crate) codec: u8,
    /// The function's `version`.
    pub(crate) version: u32,
    /// The print of the value.
    pub(crate) print: u64,
    /// [`hash_key`] of the L2 key.
    pub(crate) key_hash: [u8; 32],
    /// How long the value counts as fresh.
    pub(crate) soft_ms: u64,
    /// How long it is kept, for when a stale value is better than none.
    pub(crate) hard_ms: u64,
    /// How long it took to load.
    pub(crate) load_us: u64,
    /// Tells two stores of one value from each other.
    pub(crate) nonce: u64,
    /// The groups that the value belongs to, by hash, and their stamps when it was loaded.
    pub(crate) stamps: Vec<(u64, u64)>,
}

/// What stands in the place of a value while it is loaded: magic, a format of its own, and who loads it.
pub(crate) fn lease(nonce: u64) -> Vec<u8> {
    let mut marker = MAGIC.to_vec();
    marker.push(LEASE);
    marker.extend_from_slice(&nonce.to_le_bytes());
    marker
}

/// The nonce of a lease, if these bytes are one: it tells its holder from others.
pub(crate) fn holder(bytes: &[u8]) -> Option<u64> {
    let mut reader = Reader(bytes);
    let is_lease = reader.take() == Some(MAGIC) && reader.take() == Some([LEASE]);
    let nonce = reader.number().filter(|_| is_lease)?;
    reader.0.is_empty().then_some(nonce)
}

/// As much of stored bytes as tells them from any others: of an envelope, its header with the nonce.
pub(crate) fn token(bytes: &[u8]) -> &[u8] {
    bytes.get(..TOKEN).unwrap_or(bytes)
}

/// What stands in an envelope for the L2 key.
pub(crate) fn hash_key(l2_key: &str) -> [u8; 32] {
    Sha256::digest(l2_key).into()
}

/// The envelope of `header` and of what `payload` appends.
///
/// # Errors
///
/// Those of `payload`; `ErrorKind::TooLarge` for more than 255 stamps or 4 GiB.
pub(crate) fn seal(header: &Header, payload: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(FIXED + 16 * header.stamps.len() + TAIL + 128);
    write_header(header, &mut bytes)?;
    let tail = bytes.len();
    let start = tail + TAIL;
    bytes.resize(start, 0);
    payload(&mut bytes)?;
    let length = u32::try_from(bytes.len() - start).map_err(|_| too_large("a payload of more than 4 GiB"))?;
    bytes[tail..tail + 4].copy_from_slice(&length.to_le_bytes());
    let sum = checksum(&bytes[..tail + 4], &bytes[start..]);
    bytes[tail + 4..start].copy_from_slice(&sum.to_le_bytes());
    Ok(bytes)
}

fn write_header(header: &Header, bytes: &mut Vec<u8>) -> Result<(), Error> {
    let Header { absent, codec, version, print, key_hash, soft_ms, hard_ms, load_us, nonce, stamps } = header;
    let count = u8::try_from(stamps.len()).map_err(|_| too_large("a value in more than 255 groups"))?;
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[FORMAT, u8::from(*absent) * ABSENT, *codec]);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&print.to_le_bytes());
    bytes.extend_from_slice(key_hash);
    for number in [soft_ms, hard_ms, load_us, nonce] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.push(count);
    for (group, stamp) in stamps {
        bytes.extend_from_slice(&group.to_le_bytes());
        bytes.extend_from_slice(&stamp.to_le_bytes());
    }
    Ok(())
}

/// What is in an envelope, if all of it is as it was sealed. Any bytes are fine to ask about.
pub(crate) fn open(bytes: &[u8]) -> Result<(Header, &[u8]), Reject> {
    let mut reader = Reader(bytes);
    if reader.take() != Some(MAGIC) {
        return Err(Reject::Foreign);
    }
    if reader.take() != Some([FORMAT]) {
        return Err(Reject::Format);
    }
    let (flags, header) = read_header(&mut reader).ok_or(Reject::Format)?;
    let (sum, payload) = read_payload(&mut reader).ok_or(Reject::Format)?;
    let before = bytes.len() - payload.len() - 4;
    if checksum(&bytes[..before], payload) != sum {
        return Err(Reject::Checksum);
    }
    if flags > ABSENT || (header.absent && !payload.is_empty()) {
        return Err(Reject::Format);
    }
    Ok((header, payload))
}

/// What the beginning of an envelope says, unchecked: nobody knows whether all of it is as it was sealed.
pub(crate) fn begin(bytes: &[u8]) -> Option<Header> {
    let mut reader = Reader(bytes);
    let is_envelope = reader.take() == Some(MAGIC) && reader.take() == Some([FORMAT]);
    read_header(&mut reader).filter(|_| is_envelope).map(|(_, header)| header)
}

/// The flags, and everything from the codec to the stamps.
fn read_header(reader: &mut Reader<'_>) -> Option<(u8, Header)> {
    let [flags, codec] = reader.take()?;
    let header = Header {
        absent: flags == ABSENT,
        codec,
        version: u32::from_le_bytes(reader.take()?),
        print: reader.number()?,
        key_hash: reader.take()?,
        soft_ms: reader.number()?,
        hard_ms: reader.number()?,
        load_us: reader.number()?,
        nonce: reader.number()?,
        stamps: reader.stamps()?,
    };
    Some((flags, header))
}

/// The checksum and the payload, if the payload is as long as it says and the last thing there is.
fn read_payload<'a>(reader: &mut Reader<'a>) -> Option<(u32, &'a [u8])> {
    let length = u32::from_le_bytes(reader.take()?);
    let sum = u32::from_le_bytes(reader.take()?);
    (usize::try_from(length) == Ok(reader.0.len())).then_some((sum, reader.0))
}

fn checksum(before: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(before);
    hasher.update(payload);
    hasher.finalize()
}

fn too_large(what: &str) -> Error {
    Error::new(ErrorKind::TooLarge, format!("{what} cannot be stored"))
}

/// What of the bytes has not been read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (now, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*now)
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take()?))
    }

    /// Looks for the bytes before it makes room for them.
    fn stamps(&mut self) -> Option<Vec<(u64, u64)>> {
        let [count] = self.take()?;
        if self.0.len() < usize::from(count) * 16 {
            return None;
        }
        (0..count).map(|_| Some((self.number()?, self.number()?))).collect()
    }
}
