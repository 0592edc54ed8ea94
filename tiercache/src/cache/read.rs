//! The path of a call. Only here is the order L1 → single flight → L2 → body → L2 store → L1 store.

use std::any::Any;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Instant;

use crate::flight::{Lead, Role, Turn};
use crate::key::Digest;
use crate::l1::{AnyEntry, Marks};
use crate::stats::{Event, Source, Timed};
use crate::time::{Moment, Proof};
use crate::value::Cacheable;
use crate::value::shape::{Shape, SharedError, Split};

use super::Cache;
use super::fetch::{Fetched, fetch};
use super::fill::{Asked, Fill, Patience, refill};
use super::freshness::{Judge, inside};
use super::hot;
use super::region::Region;
use super::request::{Begun, Ending, Mode, Request};
use super::write::{Fresh, promote, store};

/// What a leader hands to its waiters.
#[derive(Clone)]
pub(crate) enum Shared {
    Value(Arc<AnyEntry>),
    Error(SharedError),
}

/// An output, where it came from, and what waiters may have of it.
type Loaded<O> = (O, Source, Option<Shared>);

/// When a caller came to wait for a load, and the last heartbeat before it did.
#[derive(Clone, Copy)]
pub(super) struct Came {
    latest: Proof,
    at: Proof,
}

impl Came {
    pub(super) fn now(cache: &Cache) -> Self {
        Self { latest: cache.judge().latest(), at: Proof::now() }
    }
}

impl Cache {
    /// Looks in L1: the entry, if it may be served.
    #[inline]
    pub(crate) fn look(&self, region: &Region, digest: &Digest) -> Option<Arc<AnyEntry>> {
        self.judged(region, digest, Judge::vouches)
    }

    /// Whether a load's result may be had by who waited for it: it rests on what was true at its begin, and is judged like memory at
    /// the moment when the waiter `came`.
    pub(super) fn may_share(&self, shared: &Shared, came: Came) -> bool {
        match shared {
            Shared::Value(entry) => self.judge().vouches(entry.proved(), came.latest, came.at),
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
        fresh.then_some(entry)
    }

    #[inline]
    fn marks(&self, region: &Region) -> Marks {
        Marks { epoch: self.fence().epoch(), generation: region.generation() }
    }
}

/// Answers a request that L1 could not: by another caller's load, by L2, or by `body`.
///
/// Cancel safe: a leader that is dropped hands its load to a waiter, a waiter that is dropped is struck off.
pub(crate) async fn load<S, F>(request: Request, body: Pin<&mut F>, keep: impl Fn(&S::Value) -> bool) -> S::Output
where
    S: Shape,
    F: Future<Output = S::Output>,
{
    let ending = Ending::of(&request);
    hot::loading::<S::Value>(&request);
    let (output, source) = match request.mode {
        Mode::Uncached => (body.await, Source::Bypass),
        Mode::Refreshed => (refresh::<S, F>(&request, body, keep).await, Source::Loader),
        Mode::Usual => join::<S, F>(&request, body, keep).await,
    };
    ending.with(source);
    output
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

/// Waits for who loads the key already, or loads it.
async fn join<S, F>(request: &Request, body: Pin<&mut F>, keep: impl Fn(&S::Value) -> bool) -> (S::Output, Source)
where
    S: Shape,
    F: Future<Output = S::Output>,
{
    let came = Came::now(&request.cache);
    let lead = match request.join() {
        Role::Lead(lead) => Some(lead),
        Role::Reentrant => None,
        Role::Wait(wait) => match wait.await {
            Turn::Lead(lead) => Some(lead),
            Turn::Alone => None,
            Turn::Shared(shared) if !request.cache.may_share(&shared, came) => {
                let (output, source, _) = read_through::<S, F>(request, body, keep).await;
                return (output, source);
            }
            Turn::Shared(shared) => match joined::<S>(&shared) {
                Some(output) => return (output, Source::Joined),
                None => None,
            },
        },
    };
    match lead {
        Some(lead) => lead_load::<S, F>(lead, request, body, keep).await,
        None => (run::<S, F>(request, request.begin(), None, body, keep).await.0, Source::Loader),
    }
}

/// Loads for all who wait.
async fn lead_load<S, F>(
    lead: Lead<Digest, Shared>,
    request: &Request,
    body: Pin<&mut F>,
    keep: impl Fn(&S::Value) -> bool,
) -> (S::Output, Source)
where
    S: Shape,
    F: Future<Output = S::Output>,
{
    let (output, source, shared) = lead.drive(pin!(read_through::<S, F>(request, body, keep))).await;
    lead.end(shared);
    (output, source)
}

/// L1 once more, L2, and then the body.
async fn read_through<S, F>(request: &Request, body: Pin<&mut F>, keep: impl Fn(&S::Value) -> bool) -> Loaded<S::Output>
where
    S: Shape,
    F: Future<Output = S::Output>,
{
    // Another load may have ended between this call's look and its lead.
    if let Some(entry) = request.cache.look(&request.region, &request.digest) {
        let shared = Shared::Value(entry);
        if let Some(output) = joined::<S>(&shared) {
            return (output, Source::L1, Some(shared));
        }
    }
    let mut patience = Patience::new();
    let (begun, fill) = loop {
        let begun = request.begin();
        let missing = match fetch(request).await.decode::<S::Value>(request) {
            Err(Fetched::Unreachable) => {
                if let Some(entry) = request.cache.tolerable(&request.region, &request.digest) {
                    let shared = Shared::Value(entry);
                    if let Some(output) = joined::<S>(&shared) {
                        return (output, Source::L1, Some(shared));
                    }
                }
                break (begun, None);
            }
            Err(missing) => missing,
            Ok((stored, life)) => match S::output(stored.value.clone()) {
                Some(output) => {
                    let entry = promote(request, begun, stored, life);
                    return (output, Source::L2, Some(Shared::Value(entry)));
                }
                // A kept absence under a function that has none: another function's, by a shared address.
                None => break (begun, None),
            },
        };
        match missing.ask(request).await {
            Asked::Granted(fill) => break (begun, Some(fill)),
            Asked::Again(holder) if patience.pause(request, holder).await => {}
            Asked::Again(_) | Asked::Refused => break (begun, None),
        }
    };
    let (output, shared) = run::<S, F>(request, begun, fill, body, keep).await;
    (output, Source::Loader, shared)
}

/// Runs the body without reading first, and keeps what it gives.
async fn refresh<S, F>(request: &Request, body: Pin<&mut F>, keep: impl Fn(&S::Value) -> bool) -> S::Output
where
    S: Shape,
    F: Future<Output = S::Output>,
{
    // What loads under way have read is older than what this one will: none of them is kept, and nobody who comes now joins one.
    request.cache.fence().bump(&request.digest, || {});
    request.cache.flights().forget(&request.digest);
    let begun = request.begin();
    let fill = refill(request).await;
    run::<S, F>(request, begun, fill, body, keep).await.0
}

/// Runs the body and keeps what it gives.
async fn run<S, F>(
    request: &Request,
    begun: Begun,
    fill: Option<Fill>,
    body: Pin<&mut F>,
    keep: impl Fn(&S::Value) -> bool,
) -> (S::Output, Option<Shared>)
where
    S: Shape,
    F: Future<Output = S::Output>,
{
    let counters = &request.region.counters;
    let place = request.cache.place_of_load().await;
    let started = Instant::now();
    // From here on, not from the begin: what was proved between that and the lease may have been removed before the lease was
    // there, and then nothing voids it.
    let output = inside(Proof::now(), body).await;
    let load_time = started.elapsed();
    drop(place);
    counters.time(Timed::Load, load_time);
    let value = match S::split(output) {
        Split::Kept(value) => value,
        Split::Failed(output) => {
            counters.count(Event::LoadError);
            let shared = S::share(&output).map(Shared::Error);
            return (output, shared);
        }
    };
    let keep = value.as_ref().is_none_or(keep);
    let fresh = Fresh { value: value.as_ref(), load_time, fill, begun };
    let entry = store(request, fresh, keep).await;
    let output = S::output(value).expect("a shape puts together what it took apart");
    (output, Some(Shared::Value(entry)))
}

/// Another caller's result as this call's output.
fn joined<S: Shape>(shared: &Shared) -> Option<S::Output> {
    match shared {
        Shared::Value(entry) => entry.value().cloned().and_then(S::output),
        Shared::Error(error) => S::joined(&**error as &(dyn Any + Send + Sync)),
    }
}
