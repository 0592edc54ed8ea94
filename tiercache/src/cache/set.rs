//! Storing a value that no load gave.

use std::sync::Arc;
use std::time::Duration;

use crate::coherence::lease::{Filling, Lease};
use crate::error::Result;
use crate::guard::Guard;
use crate::l1::AnyEntry;
use crate::stats::Event;
use crate::store::{Commit, Tell};
use crate::value::Cacheable;
use crate::value::print::print;

use super::behind::Place;
use super::invalidate::Local;
use super::life::Life;
use super::request::{Begun, Request};
use super::write::{Sealed, entry, given, seal, timed};

/// Stores a value that no load gave: L2 first, then L1.
pub(crate) async fn set<T: Cacheable>(request: &Request, value: &T) -> Result<()> {
    request.can_be_tagged()?;
    let Request { cache, region, digest, .. } = request;
    // Loads under way read an older value: from here on they are not to keep it in L2, at the end not in L1.
    cache.fence().bump(digest, || {});
    let begun = request.begin();
    match cache.open_l2()? {
        None => {
            let (_, until) = given(request, begun.at);
            let entry =
                entry(request, begun, Some(value.clone()), until, print(value, false).map_or(0, |print| print.size));
            cache.fence().bump(digest, || put(request, entry, true));
        }
        Some(guard) => set_in_l2(request, begun, guard, value).await?,
    }
    region.counters.count(Event::Store);
    cache.flights().forget(digest);
    Ok(())
}

async fn set_in_l2<T: Cacheable>(request: &Request, begun: Begun, guard: &Guard, value: &T) -> Result<()> {
    let Request { cache, region, digest, terms, tags, .. } = request;
    let groups = request.stamps();
    let tag_keys = Arc::clone(&groups.tags);
    let stamps = region.groups.stamped(tags.hashes(), &guard.stamp(groups, terms.longest()).await?);
    let (life, until) = given(request, begun.at);
    let Sealed { bytes, encoded } = seal(request, Some(value), life, Duration::ZERO, stamps)?;
    let entry = entry(request, begun, Some(value.clone()), until, encoded);
    // Without L2's answer nobody knows which value it holds: then memory is not to hold the older one.
    let unknown = Local::when_dropped(|| cache.forget(digest));
    let tell = cache.tell_of(region, digest);
    let message = tell.message.clone();
    let written = timed(request, write(request, guard, bytes, life, tag_keys, tell)).await;
    let (place, later) = match written {
        Ok(written) => written,
        Err(error) => {
            // It may hold the older value, and be out of memory for the newer one.
            cache.invalidate_in(region, digest).await?;
            return Err(error);
        }
    };
    cache.inner.note_told(place.as_deref(), &message);
    unknown.cancel();
    cache.fence().supersede(digest, begun.place, |holds| put(request, Arc::clone(&entry), holds));
    if let Some((place, filling)) = later {
        place.put(request, filling, &entry);
    }
    Ok(())
}

/// Puts a value in L2, or if it is to be written behind, a lease for it in the place of what was there. Gives the place in the log.
async fn write(
    request: &Request,
    guard: &Guard,
    bytes: Vec<u8>,
    life: Life,
    tags: Arc<[String]>,
    tell: Tell,
) -> Result<(Option<String>, Option<(Place, Filling)>)> {
    let key = request.l2_key();
    let Some(place) = Place::of(request, bytes.len()) else {
        let commit = Commit { key, expected: None, bytes, is_lease: false, life: life.hard, tags, tell };
        return Ok((guard.commit(commit).await?.place, None));
    };
    let (committed, lease) = Lease::put(guard, &key, None, tell).await?;
    Ok((committed.place, lease.map(|lease| (place, lease.with(bytes, life.hard, tags)))))
}

/// Not if something newer came while L2 was asked: nobody knows which of them it holds, so memory holds neither.
fn put(request: &Request, entry: Arc<AnyEntry>, holds: bool) {
    let Request { region, digest, .. } = request;
    if holds { region.named.l1.insert(*digest, entry) } else { region.named.l1.remove(digest) }
}
