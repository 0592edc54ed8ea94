//! The elements of a batch on their way: joined, read, leased, polled; each as one call would be.

use std::pin::pin;

use crate::cache::answer::Shared;
use crate::cache::fetch::{Fetched, fetch};
use crate::cache::fill::{Asked, Fill, Patience};
use crate::cache::freshness::note_stale;
use crate::cache::read::Came;
use crate::cache::request::{Begun, Request};
use crate::cache::write::promote;
use crate::flight::{Lead, Role, Turn, Wait, drive_all};
use crate::key::Digest;
use crate::stats::Source;
use crate::value::Cacheable;

use super::read::fetch_many;
use super::side_by_side;

pub(super) type Led = Option<Lead<Digest, Shared>>;
/// An element that another instance loads: under the lease of this nonce, if it is known.
pub(super) type Leased = (usize, Led, Option<u64>);

/// What an element came to.
pub(super) enum Step<T> {
    /// It is there; `None` is a kept absence.
    Answer(usize, Option<T>, Source),
    /// The tiers are to be read, for all who wait if it is led.
    Read(usize, Led),
    /// The body is to be run.
    Run(Run),
    /// Another instance is loading it, under the lease of this nonce.
    Poll(usize, Led, Option<u64>),
}

/// An element for the body.
pub(super) struct Run {
    pub(super) at: usize,
    pub(super) lead: Led,
    pub(super) begun: Begun,
    pub(super) fill: Option<Fill>,
}

/// An element that another caller loads.
pub(super) struct Joined {
    at: usize,
    came: Came,
    wait: Wait<Digest, Shared>,
}

/// Joins the load of an element, or begins one.
pub(super) fn join<T>(at: usize, request: &Request) -> Result<Step<T>, Joined> {
    let came = Came::now(&request.cache);
    match request.join() {
        Role::Lead(lead) => Ok(Step::Read(at, Some(lead))),
        Role::Reentrant => Ok(alone(at, request)),
        Role::Wait(wait) => Err(Joined { at, came, wait }),
    }
}

/// Without the others and without L2, as a call that has waited long enough.
fn alone<T>(at: usize, request: &Request) -> Step<T> {
    Step::Run(Run { at, lead: None, begun: request.begin(), fill: None })
}

/// Waits for who loads the element.
pub(super) async fn wait<T: Cacheable>(request: &Request, joined: Joined) -> Step<T> {
    let Joined { at, came, wait } = joined;
    match wait.await {
        Turn::Lead(lead) => Step::Read(at, Some(lead)),
        Turn::Alone => alone(at, request),
        Turn::Shared(shared) if !request.cache.may_share(&shared, came, &request.tags) => Step::Read(at, None),
        // Another's error is not ours to return: it is of another function.
        Turn::Shared(shared) => match value_in(&shared) {
            Some(value) => Step::Answer(at, value, source_of(&shared)),
            None => alone(at, request),
        },
    }
}

/// Reads both tiers for all these elements, L2 in one round trip, and asks for the right to fill what is missing.
pub(super) async fn read<T: Cacheable>(requests: &[Request], parts: Vec<(usize, Led)>) -> Vec<Step<T>> {
    let (mut steps, mut missing) = (Vec::with_capacity(parts.len()), Vec::new());
    for (at, lead) in parts {
        let request = &requests[at];
        // Another load may have ended between the look and the lead.
        match request.cache.look(&request.region, &request.digest).map(Shared::Value) {
            Some(shared) => match value_in(&shared) {
                Some(value) => steps.push(answer(at, value, Source::L1, lead, shared)),
                None => missing.push((at, lead)),
            },
            None => missing.push((at, lead)),
        }
    }
    let begun: Vec<Begun> = missing.iter().map(|(at, _)| requests[*at].begin()).collect();
    let asked: Vec<&Request> = missing.iter().map(|(at, _)| &requests[*at]).collect();
    let attempts = async {
        let fetched = fetch_many(&asked).await.into_iter().zip(begun);
        let attempts = asked.iter().zip(fetched).map(|(request, (fetched, begun))| attempt(request, begun, fetched));
        side_by_side(attempts.collect()).await
    };
    let leads = missing.iter().filter_map(|(_, lead)| lead.as_ref());
    let attempts = drive_all(leads, pin!(attempts)).await;
    steps.extend(missing.into_iter().zip(attempts).map(|((at, lead), attempt)| attempt.step(at, lead)));
    steps
}

/// Reads L2 again and again, until the other instance has stored the element or is given up.
pub(super) async fn poll<T: Cacheable>(request: &Request, (at, lead, mut holder): Leased) -> Step<T> {
    let polls = async {
        let mut patience = Patience::new();
        while patience.pause(request, holder).await {
            let begun = request.begin();
            match attempt(request, begun, fetch(request).await).await {
                Attempt::Again(next) => holder = next,
                attempt => return attempt,
            }
        }
        Attempt::Run(request.begin(), None)
    };
    let attempt = drive_all(&lead, pin!(polls)).await;
    attempt.step(at, lead)
}

/// What one read of L2 came to.
enum Attempt<T> {
    Answer(Option<T>, Source, Shared),
    Run(Begun, Option<Fill>),
    Again(Option<u64>),
}

async fn attempt<T: Cacheable>(request: &Request, begun: Begun, fetched: Fetched) -> Attempt<T> {
    let missing = match fetched.decode::<T>(request) {
        Ok((stored, life)) => {
            let value = stored.value.clone();
            return Attempt::Answer(value, Source::L2, Shared::Value(promote(request, begun, stored, life)));
        }
        Err(Fetched::Unreachable) => {
            let tolerable = request.cache.tolerable(&request.region, &request.digest).map(Shared::Value);
            let kept = tolerable.and_then(|shared| Some((value_in(&shared)?, shared)));
            return kept
                .map_or(Attempt::Run(begun, None), |(value, shared)| Attempt::Answer(value, Source::L1, shared));
        }
        Err(missing) => missing,
    };
    match missing.ask(request).await {
        Asked::Granted(fill) => Attempt::Run(begun, Some(fill)),
        Asked::Again(holder) => Attempt::Again(holder),
        Asked::Refused => Attempt::Run(begun, None),
    }
}

impl<T> Attempt<T> {
    fn step(self, at: usize, lead: Led) -> Step<T> {
        match self {
            Self::Answer(value, source, shared) => answer(at, value, source, lead, shared),
            Self::Run(begun, fill) => Step::Run(Run { at, lead, begun, fill }),
            Self::Again(holder) => Step::Poll(at, lead, holder),
        }
    }
}

/// The element is there, for all who wait.
fn answer<T>(at: usize, value: Option<T>, source: Source, lead: Led, shared: Shared) -> Step<T> {
    if let Some(lead) = lead {
        lead.end(Some(shared));
    }
    Step::Answer(at, value, source)
}

/// What another load gave, if it is of this type.
fn value_in<T: Cacheable>(shared: &Shared) -> Option<Option<T>> {
    match shared {
        Shared::Value(entry) | Shared::Stale(entry) => {
            if matches!(shared, Shared::Stale(_)) || entry.deadlines().rests_on_stale {
                note_stale();
            }
            entry.value::<T>().cloned()
        }
        Shared::Error(_) => None,
    }
}

fn source_of(shared: &Shared) -> Source {
    if matches!(shared, Shared::Stale(_)) { Source::Stale } else { Source::Joined }
}
