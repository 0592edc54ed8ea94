//! Keeping a value: in L2 as bytes, then in L1 as it is, if no invalidation came in between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::codec::Codec;
use crate::codec::envelope::{self, Header, hash_key};
use crate::coherence::lease::Filling;
use crate::error::{Error, ErrorKind, Result};
use crate::l1::{AnyEntry, Deadlines};
use crate::stats::{Event, Timed};
use crate::time::Moment;
use crate::value::Cacheable;
use crate::value::print::print;

use super::behind::Place;
use super::fetch::{Decoded, decode};
use super::fill::Fill;
use super::life::{Keep, Life, deadlines};
use super::request::{Begun, Mode, Request};

/// What a load gave.
pub(super) struct Fresh<'a, T> {
    /// None is an absence.
    pub(super) value: Option<&'a T>,
    pub(super) load_time: Duration,
    /// Without it nothing is stored in L2.
    pub(super) fill: Option<Fill>,
    pub(super) begun: Begun,
    /// What the tiers may hold is known to be old.
    pub(super) replaces: bool,
    /// The load used a stale value: the fleet is not to have it.
    pub(super) rests_on_stale: bool,
}

/// Bytes for L2.
pub(super) struct Sealed {
    pub(super) bytes: Vec<u8>,
    pub(super) encoded: usize,
}

/// Keeps what a load gave, where its terms and `keep` say so; gives the entry that waiters share.
pub(super) async fn store<T: Cacheable>(
    request: &Request,
    fresh: Fresh<'_, T>,
    keep: impl Into<Keep>,
) -> Arc<AnyEntry> {
    let Fresh { value, load_time, fill, begun, replaces, rests_on_stale } = fresh;
    let Some(life) = life(request, value.is_some(), keep.into()) else {
        if request.mode == Mode::Refreshed || replaces {
            // There is nothing new to put in the place of what the tiers hold, and that is known to be old.
            let _ = request.cache.invalidate_in(&request.region, &request.digest).await;
        }
        return entry(request, begun, value.cloned(), begun.at, 0);
    };
    if !request.holds(&begun) || !request.cache.fence().if_holds(&request.digest, begun.place, || {}) {
        // Something newer is known, or was invalidated: for those who wait only.
        return entry(request, begun, value.cloned(), begun.at, 0);
    }
    let deadlines = Deadlines { rests_on_stale, ..until(request, Moment::now(), (life, life), load_time) };
    let (encoded, filled) = match fill.filter(|_| !rests_on_stale) {
        None => (None, Filled::OrNot),
        Some(fill) => fill_l2(request, fill, value, life, load_time).await,
    };
    request.region.counters.count(Event::Store);
    let encoded = encoded.unwrap_or_else(|| value.map_or(0, |value| print(value, false).map_or(0, |print| print.size)));
    let entry = entry(request, begun, value.cloned(), deadlines, encoded);
    match filled {
        // The key was invalidated while the body ran, here or elsewhere: this value is the caller's alone, an older one nobody's.
        Filled::Lost => request.cache.forget(&request.digest),
        Filled::OrNot => admit(request, begun, &entry),
        Filled::Later(place, filling) => {
            admit(request, begun, &entry);
            place.put(request, filling, &entry);
        }
    }
    entry
}

/// What has become of a fill of L2.
enum Filled {
    /// The right to fill was lost.
    Lost,
    /// It was stored; or L2 has failed, which is counted, and no trouble of the caller: the value is then kept in memory alone.
    OrNot,
    /// It is to be queued, once memory has it: so what finds the right lost finds the value that is to be forgotten.
    Later(Place, Filling),
}

/// Fills L2, or finds a place in the queue. Gives the encoded length too, if there is one.
async fn fill_l2<T: Cacheable>(
    request: &Request,
    fill: Fill,
    value: Option<&T>,
    life: Life,
    load_time: Duration,
) -> (Option<usize>, Filled) {
    let Fill { lease, stamps } = fill;
    let Ok(Sealed { bytes, encoded }) = seal(request, value, life, load_time, stamps) else {
        return (None, Filled::OrNot);
    };
    let tags = request.stamps().tags;
    // While L2 has an older value, nobody is to go on.
    let place = if lease.replaces() { None } else { Place::of(request, bytes.len()) };
    let filled = match place {
        Some(place) => Filled::Later(place, lease.with(bytes, life.hard, tags)),
        None => match timed(request, lease.fill(bytes, life.hard, tags)).await {
            Ok(false) => Filled::Lost,
            Ok(true) | Err(_) => Filled::OrNot,
        },
    };
    (Some(encoded), filled)
}

/// Keeps in L1 what was found in L2, for no longer than it lives there: its life there counts from before it was asked for.
pub(super) fn promote<T: Cacheable>(request: &Request, begun: Begun, found: Decoded<T>, life: Life) -> Arc<AnyEntry> {
    let deadlines = until(request, begun.at, (life, found.whole), found.load_time);
    let Decoded { value, encoded, tags, .. } = found;
    let entry = AnyEntry::new(value, deadlines, begun.origin(&tags), encoded, &request.region.counters);
    admit(request, begun, &entry);
    entry
}

/// The lives of what a load gave; `None` if it is not kept.
fn life(request: &Request, present: bool, keep: Keep) -> Option<Life> {
    let soft = match keep {
        Keep::Usual => request.terms.life(present)?,
        Keep::For(life) if !life.is_zero() => life,
        Keep::For(_) | Keep::Not => return None,
    };
    Some(lives(request, soft, present))
}

/// The lives of a value that is fresh for `soft`.
fn lives(request: &Request, soft: Duration, present: bool) -> Life {
    match request.l2() {
        Some(_) => request.terms.l2_life(soft, present),
        None => request.terms.lone_life(soft, present),
    }
}

/// The deadlines in memory of a value that has the first of these lives left of the second.
fn until(request: &Request, at: Moment, (left, whole): (Life, Life), load_time: Duration) -> Deadlines {
    let terms = &request.terms;
    deadlines(at, left, whole, terms.l1_life(left.soft), terms.refresh_ahead.map(|ahead| (ahead, load_time)))
}

/// The lives of a value that no load gave, and its deadlines in memory if it is stored at `at`.
pub(super) fn given(request: &Request, at: Moment) -> (Life, Deadlines) {
    let life = lives(request, request.terms.ttl, true);
    (life, until(request, at, (life, life), Duration::ZERO))
}

/// A write to L2, timed and counted.
pub(super) async fn timed<T>(request: &Request, write: impl Future<Output = Result<T>>) -> Result<T> {
    let counters = &request.region.counters;
    let started = Instant::now();
    let written = write.await;
    counters.time(Timed::L2Write, started.elapsed());
    if written.is_err() {
        counters.count(Event::StoreFailed);
    }
    written
}

/// Puts an entry into L1 unless the fence has moved or a tag was invalidated since its load began.
fn admit(request: &Request, begun: Begun, entry: &Arc<AnyEntry>) {
    if !entry.holds_by_tags(request.cache.tags()) {
        // It would be stale, and is not to take the place of a fresh one.
        return;
    }
    request.cache.fence().if_holds(&request.digest, begun.place, || {
        request.region.named.l1.insert(request.digest, Arc::clone(entry));
    });
}

pub(super) fn entry<T: Cacheable>(
    request: &Request,
    begun: Begun,
    value: Option<T>,
    deadlines: impl Into<Deadlines>,
    encoded: usize,
) -> Arc<AnyEntry> {
    AnyEntry::new(value, deadlines, request.origin(&begun), encoded, &request.region.counters)
}

/// The envelope of a value.
pub(super) fn seal<T: Cacheable>(
    request: &Request,
    value: Option<&T>,
    life: Life,
    load_time: Duration,
    stamps: Vec<(u64, u64)>,
) -> Result<Sealed> {
    let codec = request.terms.codec.ok_or_else(no_codec)?;
    let printed = value.map(|value| print(value, codec.is_human_readable())).transpose();
    let header = Header {
        absent: value.is_none(),
        codec: codec.id(),
        version: request.terms.version,
        print: 0,
        key_hash: hash_key(&request.l2_key()),
        soft_ms: millis(life.soft),
        hard_ms: millis(life.hard),
        load_us: u64::try_from(load_time.as_micros()).unwrap_or(u64::MAX),
        nonce: fastrand::u64(..),
        stamps,
    };
    let sealed = printed.and_then(|printed| {
        let header = Header { print: printed.map_or(0, |printed| printed.hash), ..header };
        seal_with(request, codec, &header, value)
    });
    if let Err(error) = &sealed {
        tracing::debug!(function = request.region.label(), %error, "not stored in L2");
    }
    sealed
}

fn seal_with<T: Cacheable>(request: &Request, codec: Codec, header: &Header, value: Option<&T>) -> Result<Sealed> {
    let limit = request.cache.max_value_bytes();
    let mut encoded = 0;
    let bytes = envelope::seal(header, |out| {
        let before = out.len();
        if let Some(value) = value {
            codec.encode_into(value, out, limit)?;
        }
        encoded = out.len() - before;
        Ok(())
    })?;
    if value.is_some() && request.region.round_trips().is_none() {
        let works = decode::<T>(header, &bytes[bytes.len() - encoded..]).is_ok();
        if request.region.note_round_trip(works) && !works {
            request.cache.note_broken(&request.region, codec);
        }
    }
    if request.region.round_trips() == Some(false) {
        return Err(Error::new(ErrorKind::Encode, "values of this type do not come back from the codec equal"));
    }
    Ok(Sealed { bytes, encoded })
}

fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX)
}

fn no_codec() -> Error {
    Error::config("no codec is compiled in: enable one of the features `bincode`, `postcard`, `json`")
}
