//! The path of a batch's call: as of one value (`cache/read.rs`), but L2 is read, and the body run, for many at once.
//!
//! What this call leads is driven to its end before it waits for what others lead: so two batches never wait for each other. What
//! another instance has leased is polled while the body runs.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, Stream, StreamExt};

use crate::cache::answer::Shared;
use crate::cache::fill::refill;
use crate::cache::freshness::{inside, note_stale};
use crate::cache::request::{Ending, Mode, Report, Request, tell};
use crate::cache::write::{Fresh, store};
use crate::flight::drive_all;
use crate::stats::{Event, Source, Timed};
use crate::time::Proof;
use crate::value::Cacheable;

use super::parts::{Leased, Led, Run, Step, join, poll, read, wait};
use super::side_by_side;

/// Answers the requests of a batch: from memory, by other callers' loads, by L2, or by `body`, which is called with the places of
/// those that are missing, and gives what it found of each in their order. Gives the values in the requests' order.
///
/// Cancel safe as a load of one is, for each element.
///
/// # Errors
///
/// What `body` gave. Nothing of that run is stored.
pub(crate) async fn load_many<T, E, B, F>(
    requests: &[Request],
    (mode, report): (Mode, Option<Report>),
    mut body: B,
) -> Result<Vec<Option<T>>, E>
where
    T: Cacheable,
    B: FnMut(Vec<usize>) -> F,
    F: Future<Output = Result<Vec<Option<T>>, E>>,
{
    let mut answers = Answers::new(requests);
    match mode {
        Mode::Usual => usual(requests, &mut answers, &mut body).await?,
        Mode::Refreshed => refresh(requests, &mut answers, &mut body).await?,
        Mode::Uncached => {
            let all: Vec<usize> = (0..requests.len()).collect();
            let values = body(all.clone()).await;
            for at in all {
                answers.end(at, Source::Bypass);
            }
            answers.values = values?;
        }
    }
    if let Some(source) = answers.farthest {
        tell(report.as_ref(), source);
    }
    Ok(answers.values)
}

/// What is known of a batch's elements so far.
struct Answers<'r, T> {
    values: Vec<Option<T>>,
    endings: Vec<Option<Ending<'r>>>,
    /// Of all sources, the one that costs most.
    farthest: Option<Source>,
}

impl<'r, T> Answers<'r, T> {
    fn new(requests: &'r [Request]) -> Self {
        Self {
            values: requests.iter().map(|_| None).collect(),
            endings: requests.iter().map(|request| Some(Ending::of(request))).collect(),
            farthest: None,
        }
    }

    fn put(&mut self, at: usize, value: Option<T>, source: Source) {
        self.values[at] = value;
        self.end(at, source);
    }

    fn end(&mut self, at: usize, source: Source) {
        if let Some(ending) = self.endings[at].take() {
            ending.with(source);
        }
        self.farthest = self.farthest.into_iter().chain([source]).max_by_key(|source| cost(*source));
    }
}

fn cost(source: Source) -> u8 {
    match source {
        Source::L1 => 0,
        Source::Stale => 1,
        Source::L2 => 2,
        Source::Joined => 3,
        Source::Loader => 4,
        Source::Bypass => 5,
    }
}

async fn usual<T, E, B, F>(requests: &[Request], answers: &mut Answers<'_, T>, body: &mut B) -> Result<(), E>
where
    T: Cacheable,
    B: FnMut(Vec<usize>) -> F,
    F: Future<Output = Result<Vec<Option<T>>, E>>,
{
    let (mut waits, mut polls) = (FuturesUnordered::new(), FuturesUnordered::new());
    let mut steps = Vec::new();
    for (at, request) in requests.iter().enumerate() {
        let entry = request.cache.look(&request.region, &request.digest);
        match entry.as_ref().and_then(|entry| entry.value::<T>()) {
            Some(value) => answers.put(at, value.clone(), Source::L1),
            None => match join(at, request) {
                Ok(step) => steps.push(step),
                Err(joined) => waits.push(wait(request, joined)),
            },
        }
    }
    loop {
        let (runs, leased) = sort(requests, answers, std::mem::take(&mut steps)).await;
        polls.extend(leased.into_iter().map(|leased| poll(&requests[leased.0], leased)));
        if !runs.is_empty() {
            run(requests, answers, body, runs, |cx| drain(&mut polls, cx, &mut steps)).await?;
        }
        let more = poll_fn(|cx| {
            drain(&mut polls, cx, &mut steps);
            drain(&mut waits, cx, &mut steps);
            let over = polls.is_empty() && waits.is_empty();
            if over || !steps.is_empty() { Poll::Ready(!steps.is_empty()) } else { Poll::Pending }
        });
        if !more.await {
            return Ok(());
        }
    }
}

/// Reads for the steps that are to be read; gives the elements that are left for the body, in their order, and those that another
/// instance loads.
async fn sort<T: Cacheable>(
    requests: &[Request],
    answers: &mut Answers<'_, T>,
    steps: Vec<Step<T>>,
) -> (Vec<Run>, Vec<Leased>) {
    let (mut runs, mut leased, mut unread) = (Vec::new(), Vec::new(), Vec::new());
    let mut take = |step, unread: &mut Vec<_>| match step {
        Step::Answer(at, value, source) => answers.put(at, value, source),
        Step::Run(run) => runs.push(run),
        Step::Poll(at, lead, holder) => leased.push((at, lead, holder)),
        Step::Read(at, lead) => unread.push((at, lead)),
    };
    for step in steps {
        take(step, &mut unread);
    }
    if !unread.is_empty() {
        unread.sort_unstable_by_key(|(at, _)| *at);
        for step in read(requests, std::mem::take(&mut unread)).await {
            take(step, &mut unread);
        }
    }
    runs.sort_unstable_by_key(|run| run.at);
    (runs, leased)
}

/// Runs the body without reading first, and keeps what it gives.
async fn refresh<T, E, B, F>(requests: &[Request], answers: &mut Answers<'_, T>, body: &mut B) -> Result<(), E>
where
    T: Cacheable,
    B: FnMut(Vec<usize>) -> F,
    F: Future<Output = Result<Vec<Option<T>>, E>>,
{
    for request in requests {
        request.cache.fence().bump(&request.digest, || {});
        request.cache.flights().forget(&request.digest);
    }
    let begun: Vec<_> = requests.iter().map(Request::begin).collect();
    let fills = side_by_side(requests.iter().map(refill).collect()).await;
    let runs = begun.into_iter().zip(fills).enumerate();
    let runs = runs.map(|(at, (begun, fill))| Run { at, lead: None, begun, fill }).collect();
    run(requests, answers, body, runs, |_| {}).await
}

/// Runs the body once for all these elements, and keeps what it gives; `beside` is polled while it runs.
async fn run<T, E, B, F>(
    requests: &[Request],
    answers: &mut Answers<'_, T>,
    body: &mut B,
    runs: Vec<Run>,
    beside: impl FnMut(&mut Context<'_>),
) -> Result<(), E>
where
    T: Cacheable,
    B: FnMut(Vec<usize>) -> F,
    F: Future<Output = Result<Vec<Option<T>>, E>>,
{
    let places: Vec<usize> = runs.iter().map(|run| run.at).collect();
    let (leads, rights): (Vec<_>, Vec<_>) = runs.into_iter().map(|run| (run.lead, (run.begun, run.fill))).unzip();
    let load = async {
        let ((values, rests_on_stale), load_time) = called(requests, &places, body(places.clone()), beside).await;
        let values = values?;
        let kept = places.iter().zip(&values).zip(rights).map(|((at, value), (begun, fill))| {
            let replaces = fill.as_ref().is_some_and(|fill| fill.lease.replaces());
            let fresh = Fresh { value: value.as_ref(), load_time, fill, begun, replaces, rests_on_stale };
            store(&requests[*at], fresh, true)
        });
        let entries = side_by_side(kept.collect()).await;
        Ok(values.into_iter().zip(entries))
    };
    let loaded = drive_all(leads.iter().flatten(), pin!(load)).await;
    let led = places.into_iter().zip(leads);
    match loaded {
        Ok(loaded) => {
            led.zip(loaded).for_each(|((at, lead), (value, entry))| {
                // What the body did not find says nothing to those who wait for it, unless absences are kept.
                let shared = requests[at].terms.life(value.is_some()).map(|_| Shared::Value(entry));
                end(lead, shared);
                answers.put(at, value, Source::Loader);
            });
            Ok(())
        }
        Err(error) => {
            led.for_each(|(at, lead)| {
                requests[at].region.counters.count(Event::LoadError);
                end(lead, None);
                answers.end(at, Source::Loader);
            });
            Err(error)
        }
    }
}

/// What `body` gives, in one place among the loads that may run at once, and how long it took.
async fn called<F: Future>(
    requests: &[Request],
    places: &[usize],
    body: F,
    beside: impl FnMut(&mut Context<'_>),
) -> ((F::Output, bool), Duration) {
    let Some(first) = places.first() else { return timed(async { (body.await, false) }, beside).await };
    let place = requests[*first].cache.place_of_load().await;
    // From here on, as in a load of one.
    let (output, load_time) = timed(inside(Proof::now(), pin!(body)), beside).await;
    drop(place);
    if output.1 {
        note_stale();
    }
    for at in places {
        requests[*at].region.counters.time(Timed::Load, load_time);
    }
    (output, load_time)
}

fn end(lead: Led, shared: Option<Shared>) {
    if let Some(lead) = lead {
        lead.end(shared);
    }
}

/// What `body` gives, and how long it took; `beside` is polled with it.
async fn timed<F: Future>(body: F, mut beside: impl FnMut(&mut Context<'_>)) -> (F::Output, Duration) {
    let started = Instant::now();
    let mut body = pin!(body);
    let output = poll_fn(|cx| {
        beside(cx);
        body.as_mut().poll(cx)
    });
    let output = output.await;
    (output, started.elapsed())
}

fn drain<T>(from: &mut (impl Stream<Item = Step<T>> + Unpin), cx: &mut Context<'_>, steps: &mut Vec<Step<T>>) {
    while let Poll::Ready(Some(step)) = from.poll_next_unpin(cx) {
        steps.push(step);
    }
}
