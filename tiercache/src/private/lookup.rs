//! The path of a cached function's call: the key, the look in L1, and on a miss the load.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::cache::{Cache, Glance, Keep, Policy, Region, Report, Request, load, tell};
use crate::call::{Adjustment, adjustment};
use crate::coherence::tags::Tags;
use crate::entry::Entry;
use crate::install::{installed, scoped};
use crate::key::{Digest, KeyHasher};
use crate::l1::AnyEntry;
use crate::stats::{Event, Source};
use crate::value::KeyPart;
use crate::value::shape::Shape;

use super::said::Said;
use super::site::{Instance, Role, Site};

impl Site {
    /// Begins a call. `here` is an empty closure in the function's body, whose type names the function; `types` are the names of
    /// its own type parameters that count.
    #[inline]
    pub fn call<H: Fn(), S: Shape>(&'static self, _here: H, types: &[&'static str], _shape: S) -> Lookup<S> {
        let instance = self.instance::<H>(types, Role::Function);
        let hasher = KeyHasher::new(&instance.digest);
        Lookup { target: Target::Site(self, instance, hasher), over: None, shape: PhantomData }
    }
}

/// A call that is cached under an address declared elsewhere.
pub fn at<S: Shape>(entry: &Entry<S::Value>, _shape: S) -> Lookup<S> {
    Lookup { target: Target::Entry(entry.request()), over: None, shape: PhantomData }
}

/// A call whose key is being made: where it stands, because to move a key that has just been written stalls the processor.
pub struct Lookup<S> {
    target: Target,
    /// What the function says beside what its address does.
    over: Option<&'static Policy>,
    shape: PhantomData<fn() -> S>,
}

#[allow(clippy::large_enum_variant, reason = "lives on the stack of one synchronous look")]
enum Target {
    Site(&'static Site, &'static Instance, KeyHasher),
    Entry(Option<Request>),
}

/// What the look in L1 gave.
pub enum Look<S: Shape> {
    /// The answer.
    Hit(S::Output),
    /// None: the body is to be offered to [`Call::load`].
    Miss(Call<S>),
}

/// A call that L1 could not answer.
pub struct Call<S> {
    /// Boxed, so that it costs the function's future a pointer; a miss can afford it.
    pub(super) request: Option<Box<Request>>,
    /// What is given, while the body runs behind.
    pub(super) given: Option<(Arc<AnyEntry>, Source)>,
    /// For a call that bypasses the cache.
    pub(super) report: Option<Report>,
    pub(super) timeout: Option<Duration>,
    shape: PhantomData<fn() -> S>,
}

// The bounds are on the methods: an unfit type is then one error at the type, and not a method that is not found.
impl<S> Lookup<S> {
    /// Adds a part of the key.
    #[inline]
    #[must_use]
    pub fn part<P: KeyPart + ?Sized>(&mut self, part: &P) -> &mut Self {
        if let Target::Site(_, _, hasher) = &mut self.target {
            hasher.part(part);
        }
        self
    }

    /// What the function says of its calls at an address.
    #[inline]
    #[must_use]
    pub fn over(&mut self, policy: &'static Policy) -> &mut Self {
        self.over = Some(policy);
        self
    }

    /// Looks in L1.
    #[inline]
    pub fn look(&mut self) -> Look<S>
    where
        S: Shape,
    {
        self.look_by(look)
    }

    /// Looks in L1, for a body that can be run behind.
    #[inline]
    pub fn look_ahead(&mut self) -> Look<S>
    where
        S: Shape,
    {
        self.look_by(look_ahead)
    }

    #[inline]
    fn look_by(&mut self, look: impl FnOnce(&Cache, &Arc<Region>, Digest, Said) -> Look<S>) -> Look<S>
    where
        S: Shape,
    {
        let said = Said { adjustment: adjustment(), over: self.over };
        match &mut self.target {
            Target::Site(site, instance, hasher) => {
                if instance.disowned {
                    return bypass(said.by(site.policy()));
                }
                let Ok(digest) = hasher.finish() else { return bypass(said.by(site.policy())) };
                if let Some(cache) = scoped() {
                    return look(&cache, &site.region(instance, &cache), digest, said);
                }
                match installed() {
                    Some(cache) => look(cache, site.installed_region(instance, cache), digest, said),
                    None => not_installed(said.by(site.policy())),
                }
            }
            Target::Entry(Some(request)) => {
                let tags = std::mem::take(&mut request.tags);
                look(&request.cache, &request.region, request.digest, said).tagged(tags)
            }
            Target::Entry(None) => not_installed(said),
        }
    }
}

/// Looks in one cache, as far as `said` lets it.
#[inline]
fn look<S: Shape>(cache: &Cache, region: &Arc<Region>, digest: Digest, said: Said) -> Look<S> {
    if said.is_usual()
        && let Some(entry) = cache.look(region, &digest)
        && let Some(output) = served::<S>(&entry, region, &digest, &said)
    {
        return Look::Hit(output);
    }
    miss(cache, region, digest, said, None)
}

/// The same for a body that can be run behind.
#[inline]
fn look_ahead<S: Shape>(cache: &Cache, region: &Arc<Region>, digest: Digest, said: Said) -> Look<S> {
    let glance = if said.is_usual() { cache.glance(region, &digest, || said.terms(region)) } else { None };
    match glance {
        Some(Glance::Fresh(entry)) => match served::<S>(&entry, region, &digest, &said) {
            Some(output) => Look::Hit(output),
            None => miss(cache, region, digest, said, None),
        },
        Some(Glance::Due(entry, source)) => miss(cache, region, digest, said, Some((entry, source))),
        None => miss(cache, region, digest, said, None),
    }
}

/// What an entry holds, counted as a hit.
#[inline]
fn served<S: Shape>(entry: &AnyEntry, region: &Region, digest: &Digest, said: &Said) -> Option<S::Output> {
    // Counted before the value is cloned: an atomic addition waits until everything written before it has left the processor.
    match entry.value::<S::Value>()? {
        Some(value) => {
            hit(region, digest, said);
            Some(S::hit(value.clone()))
        }
        None => S::absence().inspect(|_| hit(region, digest, said)),
    }
}

#[inline]
fn hit(region: &Region, digest: &Digest, said: &Said) {
    region.counters.count(Event::L1Hit);
    if let Some(hits) = &region.hot {
        hits.count(digest);
    }
    if let Some(said) = &said.adjustment {
        tell(said.report.as_ref(), Source::L1);
    }
}

#[cold]
fn miss<S: Shape>(
    cache: &Cache,
    region: &Arc<Region>,
    digest: Digest,
    said: Said,
    given: Option<(Arc<AnyEntry>, Source)>,
) -> Look<S> {
    let terms = said.terms(region);
    let Adjustment { mode, report } = said.adjustment.unwrap_or_default();
    let request = Request { terms, mode, report, ..Request::new(cache, region, digest) };
    Look::Miss(Call { request: Some(Box::new(request)), given, report: None, timeout: None, shape: PhantomData })
}

/// The body runs as if there were no cache.
#[cold]
fn bypass<S: Shape>(said: Said) -> Look<S> {
    let timeout = said.timeout();
    let report = said.adjustment.and_then(|said| said.report);
    Look::Miss(Call { request: None, given: None, report, timeout, shape: PhantomData })
}

#[cold]
fn not_installed<S: Shape>(said: Said) -> Look<S> {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !WARNED.swap(true, Ordering::Relaxed) {
        tracing::warn!("a cached function was called before a cache was installed: it runs uncached until `install()`");
    }
    bypass(said)
}

impl<S: Shape> Look<S> {
    /// A miss has the tags of its address.
    fn tagged(mut self, tags: Tags) -> Self {
        if let Self::Miss(Call { request: Some(request), .. }) = &mut self {
            request.tags = tags;
        }
        self
    }
}

impl<S> Call<S> {
    /// Adds a tag. Only here, after a miss: a hit needs none.
    #[must_use]
    pub fn tag<T: fmt::Display + ?Sized>(mut self, tag: &T) -> Self {
        if let Some(request) = &mut self.request {
            request.tags.add(tag);
        }
        self
    }

    /// Answers the call: by another caller's load, by L2, or by `body`.
    pub async fn load<F>(self, body: Pin<&mut F>) -> S::Output
    where
        S: Shape,
        F: Future<Output = S::Output>,
    {
        self.load_with(body, |_| Keep::Usual).await
    }

    /// The same; keeps only what `keep` says.
    pub async fn load_if<F>(self, body: Pin<&mut F>, keep: impl Fn(&S::Value) -> bool) -> S::Output
    where
        S: Shape,
        F: Future<Output = S::Output>,
    {
        self.load_with(body, move |value| keep(value).into()).await
    }

    /// The same; keeps what `keep` says, for as long as it says.
    pub async fn load_with<F>(self, body: Pin<&mut F>, keep: impl Fn(&S::Value) -> Keep) -> S::Output
    where
        S: Shape,
        F: Future<Output = S::Output>,
    {
        if let Some(request) = self.request {
            // Boxed, so that it costs the function's future a pointer; a miss can afford it.
            return Box::pin(load::<S, F>(*request, body, keep)).await;
        }
        tell(self.report.as_ref(), Source::Bypass);
        body.await
    }
}

macro_rules! opaque_debug {
    ($($name:ident<$param:ident $(: $bound:ident)?>),+) => {$(
        impl<$param $(: $bound)?> fmt::Debug for $name<$param> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )+};
}

opaque_debug!(Lookup<S>, Look<S: Shape>, Call<S>);
