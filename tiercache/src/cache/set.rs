//! Storing a value that no load gave.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::guard::Guard;
use crate::l1::AnyEntry;
use crate::stats::Event;
use crate::store::{Commit, Committed};
use crate::value::Cacheable;
use crate::value::print::print;

use super::invalidate::Local;
use super::request::{Begun, Request};
use super::write::{Sealed, entry, given, seal, timed};

/// Stores a value that no load gave: L2 first, then L1.
pub(crate) async fn set<T: Cacheable>(request: &Request, value: &T) -> Result<()> {
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
    let commit = Commit { key: request.l2_key(), expected: None, bytes, life: life.hard, tags: tag_keys, tell };
    let place = match timed(request, guard.commit(commit)).await {
        Ok(Committed { place, .. }) => place,
        Err(error) => {
            // It may hold the older value, and be out of memory for the newer one.
            cache.invalidate_in(region, digest).await?;
            return Err(error);
        }
    };
    cache.inner.note_told(place.as_deref(), &message);
    unknown.cancel();
    cache.fence().supersede(digest, begun.place, |holds| put(request, entry, holds));
    Ok(())
}

/// Not if something newer came while L2 was asked: nobody knows which of them it holds, so memory holds neither.
fn put(request: &Request, entry: Arc<AnyEntry>, holds: bool) {
    let Request { region, digest, .. } = request;
    if holds { region.named.l1.insert(*digest, entry) } else { region.named.l1.remove(digest) }
}
