//! One request: which value, under which terms, and how the caller wants it handled.

use std::sync::{Arc, OnceLock};

use crate::coherence::fence::Place;
use crate::coherence::tags::{self, MOST, Tags};
use crate::error::{Error, ErrorKind, Result};
use crate::flight::{Age, Role};
use crate::guard::Guard;
use crate::key::{Digest, l2_key};
use crate::l1::{Marks, Origin, Tagged};
use crate::stats::{Event, Source};
use crate::store::Stamps;
use crate::time::{Moment, Proof};

use super::Cache;
use super::answer::Shared;
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
    pub(crate) tags: Tags,
    pub(crate) mode: Mode,
    pub(crate) report: Option<Report>,
    /// Whether its body can be run behind.
    pub(crate) owned: bool,
    /// L2 for a caller who waits for it only so long.
    pub(crate) paced: Option<Guard>,
}

impl Request {
    /// A request under the region's own terms.
    pub(crate) fn new(cache: &Cache, region: &Arc<Region>, digest: Digest) -> Self {
        Self {
            cache: cache.clone(),
            region: Arc::clone(region),
            digest,
            terms: region.terms,
            tags: Tags::default(),
            mode: Mode::Usual,
            report: None,
            owned: false,
            paced: None,
        }
    }

    /// The key in L2.
    pub(crate) fn l2_key(&self) -> Arc<str> {
        l2_key(self.cache.namespace(), &self.region.prefix, &self.digest).into()
    }

    /// Where the stamps of its groups are.
    pub(super) fn stamps(&self) -> Stamps {
        let tags = self.tags.hashes();
        self.cache.used().note(tags);
        let tags = if tags.is_empty() { Arc::default() } else { tags::keys(self.cache.namespace(), tags) };
        Stamps { hash: self.cache.stamps_key(), fields: self.region.groups.fields(), tags }
    }

    /// Joins the load of its key, or begins one. With tags, it joins none that was begun before one of them was invalidated.
    pub(super) fn join(&self) -> Role<Digest, Shared> {
        let (flights, tags) = (self.cache.flights(), self.cache.tags());
        if self.tags.hashes().is_empty() {
            return flights.join(&self.digest);
        }
        // In this order: what begins now is to be young enough for itself.
        let oldest = tags.latest(self.tags.slots());
        flights.join_if(&self.digest, Age { now: tags.now(), oldest })
    }

    /// Whether no tag was invalidated since a load has begun.
    pub(super) fn holds(&self, begun: &Begun) -> bool {
        self.cache.tags().latest(self.tags.slots()) <= begun.tags
    }

    /// What an entry takes over from the begin of its load.
    pub(super) fn origin(&self, begun: &Begun) -> Origin {
        begun.origin(&self.tags)
    }

    /// Whether an entry has room for its tags.
    ///
    /// # Errors
    ///
    /// `ErrorKind::TooLarge` if not.
    pub(super) fn can_be_tagged(&self) -> Result<()> {
        if self.tags.hashes().len() <= MOST {
            return Ok(());
        }
        let text = format!("an entry carries at most {MOST} tags: give what goes together one tag, or a prefix");
        Err(Error::new(ErrorKind::TooLarge, text))
    }

    /// The same request by one who knows that the value carries these tags.
    pub(super) fn knowing(&self, tags: Tags) -> Self {
        Self { tags, ..self.clone() }
    }

    /// L2, if the value may be in it: not where values do not come back from their codec.
    pub(super) fn l2(&self) -> Option<&Guard> {
        let l2 = self.cache.l2().filter(|_| self.region.round_trips() != Some(false))?;
        Some(self.paced.as_ref().unwrap_or(l2))
    }

    /// The same for a caller who waits for it: what it waits for L2 is bounded, all its operations together.
    pub(super) fn paced(self) -> Self {
        Self { paced: self.cache.l2().map(Guard::paced), ..self }
    }

    /// The same for the elements of a batch, which wait together.
    pub(crate) fn paced_together(requests: Vec<Self>) -> Vec<Self> {
        let Some(paced) = requests.first().map(|first| first.clone().paced()) else { return requests };
        let of_one = |request: Self| {
            // Another cache's, which hardly ever happens, waits for itself.
            if request.cache.is(&paced.cache) {
                Self { paced: paced.paced.clone(), ..request }
            } else {
                request.paced()
            }
        };
        requests.into_iter().map(of_one).collect()
    }

    /// The same for nobody who waits.
    pub(super) fn unpaced(self) -> Self {
        Self { paced: None, ..self }
    }

    /// The caller has waited for another one's load: what it may wait for L2 begins anew.
    pub(super) fn waited(&self) {
        if let Some(l2) = &self.paced {
            l2.renew_budget();
        }
    }

    /// Whether L2 is left out of this request: it has failed, or has not been told that what it holds of the value is invalid.
    #[inline]
    pub(super) fn is_cut_off(&self, guard: &Guard) -> bool {
        guard.is_open() || self.cache.inner.owes(&self.digest, &self.region.prefix, self.tags.hashes())
    }

    /// This request's place at the fence, and the marks that an entry loaded from now on carries.
    pub(crate) fn begin(&self) -> Begun {
        let at = Moment::now();
        let generation = self.region.generation();
        let (place, tags) = (self.cache.fence().take(&self.digest), self.cache.tags().now());
        Begun { at, place, marks: Marks { epoch: place.epoch(), generation }, tags, proved: Proof::at(at) }
    }
}

/// What a load took before its first read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    pub(crate) at: Moment,
    pub(crate) place: Place,
    pub(crate) marks: Marks,
    /// How many invalidations of tags there had been.
    pub(crate) tags: u64,
    pub(crate) proved: Proof,
}

impl Begun {
    /// What an entry with these tags takes over.
    pub(super) fn origin(&self, tags: &Tags) -> Origin {
        Origin { marks: self.marks, proved: self.proved, tags: Tagged::new(self.tags, tags.slots()) }
    }
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
