//! Reading L2: the bytes, whether they may be believed, and the value in them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::codec::envelope::{self, Header, hash_key};
use crate::codec::{Codec, Reject};
use crate::coherence::tags::Tags;
use crate::error::{ErrorKind, Result};
use crate::stats::Timed;
use crate::store::Reading;
use crate::value::Cacheable;
use crate::value::print::print;

use super::life::Life;
use super::request::Request;

/// What L2 said about a key.
#[derive(Debug)]
pub(super) enum Fetched {
    /// An envelope that holds, with its payload and the lives left.
    Found { header: Header, bytes: Vec<u8>, payload_at: usize, life: Life, stamps: Vec<Option<u64>> },
    /// Nothing that can be used: nothing at all, or what was rejected. The stamps of the groups, as they are.
    Missing { stamps: Vec<Option<u64>>, rejected: Option<Rejected> },
    /// Another instance is loading it, under the lease of this nonce.
    Leased(u64),
    /// It did not answer, or is not to be believed.
    Unreachable,
    /// It was not asked, and nothing is to be stored in it.
    Unasked,
}

/// What is in the place of a value, and must make room for it.
#[derive(Debug)]
pub(super) enum Rejected {
    /// Bytes that begin so.
    Bytes(Arc<[u8]>),
    /// Something that has no bytes.
    WrongType,
}

/// A value out of L2, and what it took up there.
pub(super) struct Decoded<T> {
    pub(super) value: Option<T>,
    pub(super) encoded: usize,
    /// The lives that it was given.
    pub(super) whole: Life,
    pub(super) load_time: Duration,
    pub(super) tags: Tags,
}

/// Reads L2. A value is judged by the tags that are in it: where the request does not know all of them, it is read once more with their
/// stamps.
pub(super) async fn fetch(request: &Request) -> Fetched {
    match read(request).await {
        Ok(fetched) => fetched,
        Err(tags) => read_again(read(&request.knowing(tags)).await),
    }
}

/// What a second reading means to a request that did not know the value's tags.
pub(super) fn read_again(second: Result<Fetched, Tags>) -> Fetched {
    // Its tags may change as fast as it is read.
    let mut fetched = second.unwrap_or(Fetched::Unreachable);
    if let Fetched::Missing { stamps, .. } | Fetched::Found { stamps, .. } = &mut fetched {
        // They are of other groups than its own.
        stamps.clear();
    }
    fetched
}

/// Reads L2, as [`judge`] answers.
async fn read(request: &Request) -> Result<Fetched, Tags> {
    let Some(guard) = request.l2() else { return Ok(Fetched::Unasked) };
    if request.is_cut_off(guard) {
        return Ok(Fetched::Unreachable);
    }
    let key = request.l2_key();
    let started = Instant::now();
    let reading = guard.read(Arc::clone(&key), request.stamps()).await;
    request.region.counters.time(Timed::L2Read, started.elapsed());
    judge(request, &key, reading)
}

/// What a reading means; or else the tags in the value, if they are more than those of the request, whose stamps were read.
pub(super) fn judge(request: &Request, key: &str, reading: Result<Reading>) -> Result<Fetched, Tags> {
    let Reading { found, stamps } = match reading {
        Ok(reading) => reading,
        Err(error) if error.kind() == ErrorKind::WrongType => {
            request.cache.count_reject(Reject::Foreign);
            return Ok(Fetched::Missing { stamps: Vec::new(), rejected: Some(Rejected::WrongType) });
        }
        Err(_) => return Ok(Fetched::Unreachable),
    };
    let Some(found) = found else { return Ok(Fetched::Missing { stamps, rejected: None }) };
    if let Some(holder) = envelope::holder(&found.bytes) {
        return Ok(Fetched::Leased(holder));
    }
    match accept(request, key, &found.bytes, &stamps) {
        Ok((header, payload_at)) => {
            let life = left(&header, found.remaining);
            Ok(Fetched::Found { header, bytes: found.bytes, payload_at, life, stamps })
        }
        Err(Unfit::Unknown(tags)) => Err(tags),
        Err(Unfit::Reject(reject)) => Ok(rejected(request, reject, &found.bytes, stamps)),
    }
}

/// Why bytes cannot be used.
enum Unfit {
    Reject(Reject),
    /// They carry these tags, more than the request knows.
    Unknown(Tags),
}

impl From<Reject> for Unfit {
    fn from(reject: Reject) -> Self {
        Self::Reject(reject)
    }
}

/// What is left of the lives of a value that L2 keeps for `remaining`.
fn left(header: &Header, remaining: Option<Duration>) -> Life {
    let whole = whole(header);
    let hard = remaining.map_or(whole.hard, |remaining| remaining.min(whole.hard));
    Life { soft: whole.soft.saturating_sub(whole.hard.saturating_sub(hard)), hard }
}

fn whole(header: &Header) -> Life {
    let soft = Duration::from_millis(header.soft_ms);
    Life { soft, hard: Duration::from_millis(header.hard_ms).max(soft) }
}

fn rejected(request: &Request, reject: Reject, bytes: &[u8], stamps: Vec<Option<u64>>) -> Fetched {
    request.cache.count_reject(reject);
    Fetched::Missing { stamps, rejected: Some(Rejected::Bytes(envelope::token(bytes).into())) }
}

/// The header of bytes that are this very key's, and where their payload begins.
fn accept(request: &Request, key: &str, bytes: &[u8], stamps: &[Option<u64>]) -> Result<(Header, usize), Unfit> {
    if bytes.len() > request.cache.max_value_bytes() {
        return Err(Reject::TooLarge.into());
    }
    let (header, payload) = envelope::open(bytes)?;
    if header.key_hash != hash_key(key) {
        return Err(Reject::OtherKey.into());
    }
    if header.version != request.terms.version {
        return Err(Reject::OtherVersion.into());
    }
    let (groups, tags) = (&request.region.groups, request.tags.hashes());
    if !groups.hold(tags, &header.stamps, stamps) {
        let is_tagged_otherwise = !groups.tags_in(&header.stamps).eq(tags.iter().copied());
        return Err(if is_tagged_otherwise && groups.common(tags, &header.stamps).is_some() {
            Unfit::Unknown(Tags::of_entry(groups.tags_in(&header.stamps)))
        } else {
            Reject::Stamp.into()
        });
    }
    let payload_at = bytes.len() - payload.len();
    Ok((header, payload_at))
}

impl Fetched {
    /// The value, if there is one of this type that is fresh; else what is known for the load that follows.
    #[allow(clippy::result_large_err, reason = "both ways are usual, and on a path of microseconds")]
    pub(super) fn decode<T: Cacheable>(self, request: &Request) -> Result<(Decoded<T>, Life), Self> {
        if self.is_newer_than(Duration::ZERO) {
            self.decode_any(request).map(|(value, life, _)| (value, life))
        } else {
            Err(self)
        }
    }

    /// The value, fresh or stale, and what is needed to replace it.
    #[allow(clippy::result_large_err, reason = "as `decode`")]
    pub(super) fn decode_any<T: Cacheable>(self, request: &Request) -> Result<(Decoded<T>, Life, Self), Self> {
        let Self::Found { header, bytes, payload_at, life, stamps } = self else { return Err(self) };
        match decode(&header, &bytes[payload_at..]) {
            Ok(value) => {
                let load_time = Duration::from_micros(header.load_us);
                let (whole, encoded) = (whole(&header), bytes.len() - payload_at);
                let tags = Tags::of_entry(request.region.groups.tags_in(&header.stamps));
                let value = Decoded { value, encoded, whole, load_time, tags };
                Ok((value, life, Self::Found { header, bytes, payload_at, life, stamps }))
            }
            Err(reject) => Err(rejected(request, reject, &bytes, stamps)),
        }
    }

    /// Whether it is a value that has clearly more than `left` of its life.
    pub(super) fn is_newer_than(&self, left: Duration) -> bool {
        match self {
            // What two readings of one value may differ by.
            Self::Found { header, life, .. } if !left.is_zero() => {
                life.soft > left + Duration::from_millis(header.soft_ms / 20)
            }
            Self::Found { life, .. } => !life.soft.is_zero(),
            _ => false,
        }
    }
}

/// The value in a payload, or its absence.
pub(super) fn decode<T: Cacheable>(header: &Header, payload: &[u8]) -> Result<Option<T>, Reject> {
    if header.absent {
        return Ok(None);
    }
    let codec = Codec::from_id(header.codec).ok_or(Reject::OtherCodec)?;
    let value: T = codec.decode(payload).map_err(|_| Reject::Decode)?;
    let printed = print(&value, codec.is_human_readable()).map_err(|_| Reject::Print)?;
    if printed.hash == header.print { Ok(Some(value)) } else { Err(Reject::Print) }
}
