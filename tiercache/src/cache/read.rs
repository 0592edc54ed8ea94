//! The path of a call. Only here is the order L1 → single flight → L2 → body → L2 store → L1 store.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use crate::coherence::tags::Tags;
use crate::flight::{Lead, Role, Turn};
use crate::key::Digest;
use crate::l1::{AnyEntry, Marks};
use crate::stats::{Event, Source, Timed};
use crate::time::{Moment, Proof};
use crate::value::Cacheable;
use crate::value::shape::{Shape, Split};

use super::Cache;
use super::answer::{Answer, Loaded, Shared, found, joined};
use super::fetch::fetch;
use super::fill::{Asked, Fill, Patience, refill};
use super::freshness::{Judge, inside, note_stale};
use super::hot;
use super::life::Keep;
use super::region::Region;
use super::request::{Begun, Ending, Mode, Request};
use super::stale::{Tiers, at_once, for_error, look_in_tiers};
use super::write::{Fresh, promote, store};

/// What a caller of a key is to do.
pub(super) enum Part {
    /// Load it for all who wait.
    Lead(Lead<Digest, Shared>),
    /// Run the body by itself.
    Alone,
    /// Look in the tiers: what it waited for is too old for it.
    Late,
}

/// What is at hand when a body is to be run.
pub(super) struct Hand {
    pub(super) begun: Begun,
    /// Without it nothing is stored in L2.
    pub(super) fill: Option<Fill>,
    /// What may be given if the body fails.
    pub(super) stale: Option<Arc<AnyEntry>>,
}

/// When a caller came to wait for a load, the last heartbeat before it did, and how many invalidations of tags there had been.
#[derive(Clone, Copy)]
pub(super) struct Came {
    latest: Proof,
    at: Proof,
    tags: u64,
}

impl Came {
    pub(super) fn now(cache: &Cache) -> Self {
        Self { latest: cache.judge().latest(), at: Proof::now(), tags: cache.tags().now() }
    }
}

impl Cache {
    /// Looks in L1: the entry, if it may be served.
    #[inline]
    pub(crate) fn look(&self, region: &Region, digest: &Digest) -> Option<Arc<AnyEntry>> {
        self.judged(region, digest, Judge::vouches)
    }

    /// Whether a load's result may be had by who waited for it: it rests on what was true at its begin, and is judged like memory at
    /// the moment when the waiter `came`. One who `knew` its tags has joined no load from before their invalidation.
    pub(super) fn may_share(&self, shared: &Shared, came: Came, knew: &Tags) -> bool {
        match shared {
            Shared::Value(entry) | Shared::Stale(entry) => {
                self.judge().vouches(entry.proved(), came.latest, came.at)
                    && (entry.has_tags(knew.slots()) || !entry.fell_before(came.tags, self.tags()))
            }
            Shared::Error(_) => true,
        }
    }

    /// The entry of L1, if it may be served while L2 does not answer.
    pub(super) fn tolerable(&self, region: &Region, digest: &Digest) -> Option<Arc<AnyEntry>> {
        self.judged(region, digest, Judge::tolerates)
    }

    /// The entry of L1, if it is fresh and its own proof, the last heartbeat and the time now satisfy `may`.
    #[inline]
    fn judged(
        &self,
        region: &Region,
        digest: &Digest,
        may: impl FnOnce(&Judge, Proof, Proof, Proof) -> bool,
    ) -> Option<Arc<AnyEntry>> {
        let latest = self.judge().latest();
        let (entry, now) = (region.named.l1.get(digest)?, Moment::now());
        let fresh = entry.is_fresh(now, self.marks(region), self.tags())
            && may(self.judge(), entry.proved(), latest, Proof::at(now));
        if fresh && entry.deadlines().rests_on_stale {
            note_stale();
        }
        fresh.then_some(entry)
    }

    #[inline]
    pub(super) fn marks(&self, region: &Region) -> Marks {
        Marks { epoch: self.fence().epoch(), generation: region.generation() }
    }
}

/// Answers a request that L1 could not: by another caller's load, by L2, or by `body`.
///
/// Cancel safe: a leader that is dropped hands its load to a waiter, a waiter that is dropped is struck off.
pub(crate) async fn load<S, F>(request: Request, body: Pin<&mut F>, keep: impl Fn(&S::Value) -> Keep) -> S::Output
where
    S: Shape,
    F: Future<Output = S::Output>,
{
    let request = request.paced();
    let ending = Ending::of(&request);
    hot::loading::<S::Value>(&request);
    let answer = match request.mode {
        Mode::Uncached => Answer::of(body.await, Source::Bypass),
        Mode::Refreshed => refresh::<S, F>(&request, body, keep).await,
        Mode::Usual => {
            let part = match part::<S>(&request).await {
                Ok(part) => part,
                Err(answer) => return answer.end(ending),
            };
            finish::<S, F>(part, &request, body, keep).await
        }
    };
    answer.end(ending)
}

/// Looks in both tiers and never loads. The outer `None` is a miss, the inner one a kept absence.
pub(crate) async fn peek<T: Cacheable>(request: &Request) -> Option<Option<T>> {
    if let Some(entry) = request.cache.look(&request.region, &request.digest)
        && let Some(stored) = entry.value()
    {
        return Some(stored.clone());
    }
    let begun = request.begin();
    let (stored, life) = fetch(request).await.decode::<T>(request).ok()?;
    let value = stored.value.clone();
    promote(request, begun, stored, life);
    Some(value)
}

/// Waits for who loads the key already, if anybody does: for the answer, or for what the caller is to do.
pub(super) async fn part<S: Shape>(request: &Request) -> Result<Part, Answer<S::Output>> {
    let came = Came::now(&request.cache);
    let part = match request.join() {
        Role::Lead(lead) => Part::Lead(lead),
        Role::Reentrant => Part::Alone,
        Role::Wait(wait) => match wait.await {
            Turn::Lead(lead) => Part::Lead(lead),
            Turn::Alone => Part::Alone,
            Turn::Shared(shared) if !request.cache.may_share(&shared, came, &request.tags) => Part::Late,
            Turn::Shared(shared) => return joined::<S>(&shared).map_or(Ok(Part::Alone), Err),
        },
    };
    Ok(part)
}

/// Does what the caller's part is.
pub(super) async fn finish<S, F>(
    part: Part,
    request: &Request,
    body: Pin<&mut F>,
    keep: impl Fn(&S::Value) -> Keep,
) -> Answer<S::Output>
where
    S: Shape,
    F: Future<Output = S::Output>,
{
    match part {
        Part::Lead(lead) => {
            let (answer, shared) = lead.drive(pin!(read_through::<S, F>(request, body, keep))).await;
            lead.end(shared);
            answer
        }
        Part::Late => read_through::<S, F>(request, body, keep).await.0,
        Part::Alone => {
            let hand = Hand { begun: request.begin(), fill: None, stale: None };
            run::<S, F>(request, hand, body, keep).await.0
        }
    }
}

/// L1 once more, L2, and then the body.
async fn read_through<S, F>(request: &Request, body: Pin<&mut F>, keep: impl Fn(&S::Value) -> Keep) -> Loaded<S::Output>
where
    S: Shape,
    F: Future<Output = S::Output>,
{
    // Another load may have ended between this call's look and its lead.
    if let Some(entry) = request.cache.look(&request.region, &request.digest)
        && let Some(loaded) = found::<S>(&entry, Source::L1)
    {
        return loaded;
    }
    let mut patience = Patience::new();
    let hand = loop {
        let begun = request.begin();
        let (missing, stale) = match look_in_tiers::<S>(request, begun).await {
            Tiers::Answer(loaded) => return loaded,
            Tiers::Missing { fetched, stale } => (fetched, stale),
        };
        if let Some(loaded) = stale.as_ref().and_then(|entry| at_once::<S>(request, entry)) {
            return loaded;
        }
        match missing.ask(request).await {
            Asked::Granted(fill) => break Hand { begun, fill: Some(fill), stale },
            Asked::Again(holder) if patience.pause(request, holder).await => {}
            Asked::Again(_) | Asked::Refused => break Hand { begun, fill: None, stale },
        }
    };
    run::<S, F>(request, hand, body, keep).await
}

/// Runs the body without reading first, and keeps what it gives.
pub(super) async fn refresh<S, F>(
    request: &Request,
    body: Pin<&mut F>,
    keep: impl Fn(&S::Value) -> Keep,
) -> Answer<S::Output>
where
    S: Shape,
    F: Future<Output = S::Output>,
{
    // What loads under way have read is older than what this one will: none of them is kept, and nobody who comes now joins one.
    request.cache.fence().bump(&request.digest, || {});
    request.cache.flights().forget(&request.digest);
    let begun = request.begin();
    let hand = Hand { begun, fill: refill(request).await, stale: None };
    run::<S, F>(request, hand, body, keep).await.0
}

/// Runs the body and keeps what it gives.
pub(super) async fn run<S, F>(
    request: &Request,
    hand: Hand,
    body: Pin<&mut F>,
    keep: impl Fn(&S::Value) -> Keep,
) -> Loaded<S::Output>
where
    S: Shape,
    F: Future<Output = S::Output>,
{
    let Hand { begun, fill, stale } = hand;
    let counters = &request.region.counters;
    let place = request.cache.place_of_load().await;
    let started = Moment::now();
    // From here on, not from the begin: what was proved between that and the lease may have been removed before the lease was
    // there, and then nothing voids it.
    let (output, rests_on_stale) = inside(Proof::now(), body).await;
    let load_time = Moment::now().since(started);
    drop(place);
    counters.time(Timed::Load, load_time);
    let value = match S::split(output) {
        Split::Kept(value) => value,
        Split::Failed(output) => {
            counters.count(Event::LoadError);
            if let Some(loaded) = stale.and_then(|entry| for_error::<S>(request, begun, &entry)) {
                return loaded;
            }
            let shared = S::share(&output).map(Shared::Error);
            return (Answer::loaded(output, rests_on_stale), shared);
        }
    };
    let keep = value.as_ref().map_or(Keep::Usual, keep);
    let replaces = stale.is_some();
    let fresh = Fresh { value: value.as_ref(), load_time, fill, begun, replaces, rests_on_stale };
    let entry = store(request, fresh, keep).await;
    let output = S::output(value).expect("a shape puts together what it took apart");
    (Answer::loaded(output, rests_on_stale), Some(Shared::Value(entry)))
}
