//! Loads apart from their callers: behind an answer that has been given, or while the caller waits only so long.
//!
//! They run in tasks of the user's runtime, whose pools and connections the bodies use; where there is none, on the cache's own
//! thread. The flight is the same as for other loads, so one of them runs at a time in this process.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::flight::Role;
use crate::l1::AnyEntry;
use crate::stats::Source;
use crate::time::Moment;
use crate::value::shape::Shape;

use super::Cache;
use super::answer::{Answer, Shared};
use super::fetch::fetch;
use super::fill::Asked;
use super::freshness::as_part;
use super::life::Keep;
use super::read::{Hand, Part, finish, part, refresh, run};
use super::request::{Ending, Mode, Request};
use super::timeout::{First, first};
use super::write::promote;

/// A body that can outlive its caller.
pub type Owned<O> = Pin<Box<dyn Future<Output = O> + Send>>;

/// Answers a request by `given`, if there is one, and refreshes it behind; or as `load` does, in a task where the terms ask for one.
///
/// Cancel safe: a load in a task goes on.
pub(crate) async fn load_owned<S, K>(
    request: Request,
    body: Owned<S::Output>,
    keep: K,
    given: Option<(Arc<AnyEntry>, Source)>,
) -> S::Output
where
    S: Shape + 'static,
    S::Output: Send + 'static,
    K: Fn(&S::Value) -> Keep + Send + Sync + 'static,
{
    let request = Request { owned: true, ..request }.paced();
    let ending = Ending::of(&request);
    let given = given.and_then(|(entry, source)| Answer::from_entry::<S>(&entry, source));
    let answer = match (request.mode, given) {
        (Mode::Usual, Some(answer)) => {
            behind::<S, K>(&request, body, Arc::new(keep));
            answer
        }
        (Mode::Usual, None) => usual::<S, K>(&request, body, Arc::new(keep)).await,
        (Mode::Refreshed, _) => refreshed::<S, K>(&request, body, keep).await,
        (Mode::Uncached, _) => Answer::of(body.await, Source::Bypass),
    };
    answer.end(ending)
}

async fn refreshed<S, K>(request: &Request, mut body: Owned<S::Output>, keep: K) -> Answer<S::Output>
where
    S: Shape + 'static,
    S::Output: Send + 'static,
    K: Fn(&S::Value) -> Keep + Send + Sync + 'static,
{
    if !request.terms.detach {
        return refresh::<S, _>(request, Pin::new(&mut body), keep).await;
    }
    let task = request.silent();
    let load = as_part(async move { refresh::<S, _>(&task, Pin::new(&mut body), keep).await });
    ended(spawn(&request.cache, load)).await
}

/// The part in the flight is taken by the caller, so that one who only waits costs no task; what comes after it may be in one.
async fn usual<S, K>(request: &Request, body: Owned<S::Output>, keep: Arc<K>) -> Answer<S::Output>
where
    S: Shape + 'static,
    S::Output: Send + 'static,
    K: Fn(&S::Value) -> Keep + Send + Sync + 'static,
{
    let mut patience = Patience::of(request);
    let part = match patience.wait::<_, S>(pin!(part::<S>(request))).await {
        First::One(Ok(part)) => part,
        First::One(Err(answer)) => {
            if answer.source == Source::Stale {
                behind::<S, K>(request, body, keep);
            }
            return answer;
        }
        First::Other(stale) => return stale,
    };
    let is_apart = request.terms.detach || request.terms.soft_timeout.is_some();
    if !is_apart {
        return owned::<S, K>(part, request.silent(), body, keep).await;
    }
    let task = spawn(&request.cache, as_part(owned::<S, K>(part, request.silent(), body, keep)));
    match patience.wait::<_, S>(pin!(ended(task))).await {
        First::One(answer) | First::Other(answer) => answer,
    }
}

/// Does what the caller's part is, and refreshes behind what was found stale.
async fn owned<S, K>(part: Part, request: Request, body: Owned<S::Output>, keep: Arc<K>) -> Answer<S::Output>
where
    S: Shape + 'static,
    S::Output: Send + 'static,
    K: Fn(&S::Value) -> Keep + Send + Sync + 'static,
{
    let mut body = Once { body: Some(body), is_begun: false };
    let kept = Arc::clone(&keep);
    let answer = finish::<S, _>(part, &request, Pin::new(&mut body), move |value: &S::Value| kept(value)).await;
    if answer.source == Source::Stale
        && let Some(body) = body.unbegun()
    {
        behind::<S, K>(&request, body, keep);
    }
    answer
}

/// Runs `body` in a task, unless somebody loads the key already, or has lately tried in vain.
fn behind<S, K>(request: &Request, body: Owned<S::Output>, keep: Arc<K>)
where
    S: Shape + 'static,
    S::Output: Send + 'static,
    K: Fn(&S::Value) -> Keep + Send + Sync + 'static,
{
    if !request.is_due() {
        return;
    }
    let Role::Lead(lead) = request.join() else { return };
    let request = request.silent().unpaced();
    drop(spawn(&request.cache.clone(), async move {
        // Nothing came of it: whoever waits takes over.
        if let Some(shared) = lead.drive(pin!(renew::<S, K>(&request, body, keep))).await {
            lead.end(shared);
        }
    }));
}

/// Looks whether another instance has a newer value, or makes one; `None` if another is about to.
async fn renew<S, K>(request: &Request, mut body: Owned<S::Output>, keep: Arc<K>) -> Option<Option<Shared>>
where
    S: Shape + 'static,
    S::Output: Send + 'static,
    K: Fn(&S::Value) -> Keep + Send + Sync + 'static,
{
    let begun = request.begin();
    let kept = request.region.named.l1.get(&request.digest);
    let left = kept.as_ref().map_or(Duration::ZERO, |entry| entry.deadlines().soft.since(Moment::now()));
    let fetched = fetch(request).await;
    let missing = if fetched.is_newer_than(left) {
        match fetched.decode_any::<S::Value>(request) {
            Ok((stored, life, _)) => return Some(Some(Shared::Value(promote(request, begun, stored, life)))),
            Err(missing) => missing,
        }
    } else {
        fetched
    };
    let fill = match missing.ask(request).await {
        Asked::Granted(fill) => Some(fill),
        Asked::Again(_) => return None,
        Asked::Refused => None,
    };
    let _tried = Tried(kept);
    let hand = Hand { begun, fill, stale: request.leftover() };
    let (_, shared) = run::<S, _>(request, hand, Pin::new(&mut body), move |value: &S::Value| keep(value)).await;
    Some(shared)
}

/// A refresh that runs. However it ends, by an error, a panic or with its runtime: what it was to replace, and is still there, is not
/// refreshed again at once.
struct Tried(Option<Arc<AnyEntry>>);

impl Drop for Tried {
    fn drop(&mut self) {
        if let Some(entry) = &self.0 {
            entry.deadlines().put_off(Moment::now());
        }
    }
}

/// How long a caller waits for a load before it takes a stale value.
struct Patience<'a> {
    request: &'a Request,
    /// None when it has run out, or if it has no end.
    timer: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<'a> Patience<'a> {
    fn of(request: &'a Request) -> Self {
        let timer = request.terms.soft_timeout.map(|time| Box::pin(request.cache.sleep(time)) as _);
        Self { request, timer }
    }

    /// Waits for `load`; when patience runs out, for a stale value, if there is one.
    async fn wait<F: Future, S: Shape>(&mut self, mut load: Pin<&mut F>) -> First<F::Output, Answer<S::Output>> {
        let Some(timer) = &mut self.timer else { return First::One(load.await) };
        if let First::One(output) = first(load.as_mut(), Pin::new(timer)).await {
            return First::One(output);
        }
        self.timer = None;
        let stale = self.request.leftover().and_then(|entry| Answer::from_entry::<S>(&entry, Source::Stale));
        match stale {
            Some(stale) => First::Other(stale),
            None => First::One(load.await),
        }
    }
}

impl Request {
    /// Whether what memory has of it may be refreshed now.
    fn is_due(&self) -> bool {
        let kept = self.region.named.l1.get(&self.digest);
        kept.is_none_or(|entry| entry.deadlines().due() <= Moment::now())
    }

    /// The same for a task, which tells nobody how it was answered.
    fn silent(&self) -> Self {
        Self { report: None, ..self.clone() }
    }
}

fn spawn<F>(cache: &Cache, task: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match Handle::try_current() {
        Ok(runtime) => runtime.spawn(task),
        Err(_) => cache.inner.io.spawn(task),
    }
}

/// What a task gave; its panic is the caller's.
async fn ended<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(output) => output,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // Its runtime is being shut down, and the caller's task with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// A body that is known to have begun or not.
struct Once<O> {
    body: Option<Owned<O>>,
    is_begun: bool,
}

impl<O> Once<O> {
    fn unbegun(self) -> Option<Owned<O>> {
        self.body.filter(|_| !self.is_begun)
    }
}

impl<O> Future for Once<O> {
    type Output = O;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O> {
        self.is_begun = true;
        match &mut self.body {
            Some(body) => body.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}
