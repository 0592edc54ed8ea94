//! Values past their lives: which there are, and when one of them is better than none.
//!
//! A stale value is one that has expired by time. What was invalidated, or may have been unheard, is none: it is not given, however
//! the body ends.

use std::sync::Arc;
use std::time::Duration;

use crate::key::Digest;
use crate::l1::AnyEntry;
use crate::stats::Source;
use crate::time::{Moment, Proof};
use crate::value::shape::Shape;

use super::Cache;
use super::answer::{Loaded, found};
use super::fetch::{Fetched, fetch};
use super::freshness::note_stale;
use super::policy::Terms;
use super::region::Region;
use super::request::{Begun, Request};
use super::write::promote;

/// What memory has, for a function whose body can be run behind.
pub(crate) enum Glance {
    /// An entry that is fresh.
    Fresh(Arc<AnyEntry>),
    /// One that may be given, and is to be refreshed behind.
    Due(Arc<AnyEntry>, Source),
}

impl Cache {
    /// Looks in L1, also for what is to be refreshed.
    #[inline]
    pub(crate) fn glance(&self, region: &Region, digest: &Digest, terms: impl FnOnce() -> Terms) -> Option<Glance> {
        let latest = self.judge().latest();
        let (entry, now) = (region.named.l1.get(digest)?, Moment::now());
        if !self.judge().vouches(entry.proved(), latest, Proof::at(now)) {
            return None;
        }
        let marks = self.marks(region);
        if !entry.is_fresh(now, marks, self.tags()) {
            let window = terms().stale_while_revalidate?;
            let is_stale = now >= entry.deadlines().soft && entry.is_kept(now, marks, self.tags(), window);
            return is_stale.then_some(Glance::Due(entry, Source::Stale));
        }
        if entry.deadlines().rests_on_stale {
            note_stale();
        }
        if now < entry.deadlines().due() || !is_due(&entry, &terms(), now) {
            return Some(Glance::Fresh(entry));
        }
        Some(Glance::Due(entry, Source::L1))
    }
}

fn is_due(entry: &AnyEntry, terms: &Terms, now: Moment) -> bool {
    let deadlines = entry.deadlines();
    let (left, load_time) = (deadlines.soft.since(now), Duration::from_micros(deadlines.load_us.into()));
    terms.refresh_ahead.is_some_and(|ahead| ahead.is_due(left, load_time))
}

/// What the tiers have for a load that has begun.
pub(super) enum Tiers<O> {
    Answer(Loaded<O>),
    /// Nothing fresh: what L2 said, and a value past its life that is kept.
    Missing {
        fetched: Fetched,
        stale: Option<Arc<AnyEntry>>,
    },
}

/// Reads L2; where it is not asked or does not answer, memory once more.
pub(super) async fn look_in_tiers<S: Shape>(request: &Request, begun: Begun) -> Tiers<S::Output> {
    let (fetched, stale) = match fetch(request).await.decode::<S::Value>(request) {
        Ok((stored, life)) if stored.value.is_some() || S::absence().is_some() => {
            let entry = promote(request, begun, stored, life);
            return answer::<S>(&entry, Source::L2).unwrap_or_else(nothing);
        }
        // A kept absence under a function that has none: another function's, by a shared address.
        Ok(_) => return nothing(),
        Err(Fetched::Unreachable) => {
            let tolerable = request.cache.tolerable(&request.region, &request.digest);
            if let Some(answer) = tolerable.and_then(|entry| answer::<S>(&entry, Source::L1)) {
                return answer;
            }
            (Fetched::Unreachable, request.leftover())
        }
        Err(Fetched::Unasked) => (Fetched::Unasked, request.leftover()),
        Err(past @ Fetched::Found { .. }) => match past.decode_any::<S::Value>(request) {
            Ok((stored, life, past)) => (past, Some(promote(request, begun, stored, life))),
            Err(missing) => (missing, None),
        },
        Err(missing) => {
            request.drop_leftover();
            (missing, None)
        }
    };
    Tiers::Missing { fetched, stale }
}

/// Nothing, and nothing is to be stored.
fn nothing<O>() -> Tiers<O> {
    Tiers::Missing { fetched: Fetched::Unasked, stale: None }
}

fn answer<S: Shape>(entry: &Arc<AnyEntry>, source: Source) -> Option<Tiers<S::Output>> {
    found::<S>(entry, source).map(Tiers::Answer)
}

impl Request {
    /// What memory has kept past its life, if nothing says that it was invalidated and the terms allow it to be given at all.
    pub(super) fn leftover(&self) -> Option<Arc<AnyEntry>> {
        let window = self.terms.stale_if_error.max(self.terms.stale_while_revalidate)?;
        let latest = self.cache.judge().latest();
        let (entry, now) = (self.region.named.l1.get(&self.digest)?, Moment::now());
        let may = entry.is_kept(now, self.cache.marks(&self.region), self.cache.tags(), window)
            && self.cache.judge().tolerates_stale(entry.proved(), latest, Proof::at(now));
        may.then_some(entry)
    }

    /// L2 holds nothing: then what memory has kept may have been removed by hand.
    fn drop_leftover(&self) {
        let l1 = &self.region.named.l1;
        let now = Moment::now();
        let is_leftover = |entry: Arc<AnyEntry>| entry.deadlines().expires <= now && now < entry.deadlines().hard;
        if l1.get(&self.digest).is_some_and(is_leftover) {
            l1.remove(&self.digest);
        }
    }

    /// Whether a stale value that was found may still be given: within its `window`, not invalidated, and as memory is judged now.
    fn keeps(&self, entry: &AnyEntry, window: Option<Duration>) -> bool {
        let (cache, latest, now) = (&self.cache, self.cache.judge().latest(), Moment::now());
        window.is_some_and(|window| entry.is_kept(now, cache.marks(&self.region), cache.tags(), window))
            && cache.judge().tolerates_stale(entry.proved(), latest, Proof::at(now))
    }
}

/// The stale value, if the body need not be waited for: it is run behind.
pub(super) fn at_once<S: Shape>(request: &Request, entry: &Arc<AnyEntry>) -> Option<Loaded<S::Output>> {
    let may = request.owned && request.keeps(entry, request.terms.stale_while_revalidate);
    if may { found::<S>(entry, Source::Stale) } else { None }
}

/// The stale value in the place of an error, unless it was invalidated since the load began.
pub(super) fn for_error<S: Shape>(request: &Request, begun: Begun, entry: &Arc<AnyEntry>) -> Option<Loaded<S::Output>> {
    let may = request.keeps(entry, request.terms.stale_if_error)
        && request.cache.fence().if_holds(&request.digest, begun.place, || {});
    if may { found::<S>(entry, Source::Stale) } else { None }
}
