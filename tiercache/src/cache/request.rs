//! One request: which value, under which terms, and how the caller wants it handled.

use std::sync::{Arc, OnceLock};

use crate::coherence::fence::Place;
use crate::guard::Guard;
use crate::key::{Digest, l2_key};
use crate::l1::Marks;
use crate::stats::{Event, Source};
use crate::store::Stamps;
use crate::time::{Moment, Proof};

use super::Cache;
use super::policy::Terms;
use super::region::Region;

/// How a single call is to be handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Read, load on a miss, store.
    #[default]
    Usual,
    /// Do not read; run, store.
    Refreshed,
    /// Neither read nor store.
    Uncached,
}

/// Where a call tells its source, if anybody asked.
pub(crate) type Report = Arc<OnceLock<Source>>;

/// One value asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) cache: Cache,
    pub(crate) region: Arc<Region>,
    pub(crate) digest: Digest,
    pub(crate) terms: Terms,
    pub(crate) mode: Mode,
    pub(crate) report: Option<Report>,
    /// Whether its body can be run behind.
    pub(crate) owned: bool,
}

impl Request {
    /// A request under the region's own terms.
    pub(crate) fn new(cache: &Cache, region: &Arc<Region>, digest: Digest) -> Self {
        Self {
            cache: cache.clone(),
            region: Arc::clone(region),
            digest,
            terms: region.terms,
            mode: Mode::Usual,
            report: None,
            owned: false,
        }
    }

    /// The key in L2.
    pub(crate) fn l2_key(&self) -> Arc<str> {
        l2_key(self.cache.namespace(), &self.region.prefix, &self.digest).into()
    }

    /// Where the stamps of its groups are.
    pub(super) fn stamps(&self) -> Stamps {
        Stamps { hash: self.cache.stamps_key(), fields: self.region.groups.fields(), tags: Arc::default() }
    }

    /// L2, if the value may be in it: not where values do not come back from their codec.
    pub(super) fn l2(&self) -> Option<&Guard> {
        self.cache.l2().filter(|_| self.region.round_trips() != Some(false))
    }

    /// This request's place at the fence, and the marks that an entry loaded from now on carries.
    pub(crate) fn begin(&self) -> Begun {
        let at = Moment::now();
        let generation = self.region.generation();
        let place = self.cache.fence().take(&self.digest);
        Begun { at, place, marks: Marks { epoch: place.epoch(), generation }, proved: Proof::at(at) }
    }
}

/// What a load took before its first read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    pub(crate) at: Moment,
    pub(crate) place: Place,
    pub(crate) marks: Marks,
    pub(crate) proved: Proof,
}

/// Counts how a request ends; one that is dropped before was abandoned.
pub(crate) struct Ending<'a> {
    request: &'a Request,
    ended: bool,
}

impl<'a> Ending<'a> {
    pub(crate) fn of(request: &'a Request) -> Self {
        Self { request, ended: false }
    }

    pub(crate) fn with(mut self, source: Source) {
        self.ended = true;
        tell(self.request.report.as_ref(), source);
        self.request.region.counters.count(event(source));
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.request.region.counters.count(Event::Abandoned);
        }
    }
}

/// Tells `source` to who asked for it.
pub(crate) fn tell(report: Option<&Report>, source: Source) {
    if let Some(report) = report {
        // Told once: a request ends once.
        let _ = report.set(source);
    }
}

fn event(source: Source) -> Event {
    match source {
        Source::L1 => Event::L1Hit,
        Source::L2 => Event::L2Hit,
        Source::Loader => Event::Led,
        Source::Joined => Event::Joined,
        Source::Stale => Event::Stale,
        Source::Bypass => Event::Bypassed,
    }
}
