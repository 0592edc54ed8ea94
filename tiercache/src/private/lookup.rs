//! The path of a cached function's call: the key, the look in L1, and on a miss the load.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cache::{Cache, Mode, Region, Report, Request, load, tell};
use crate::call::{Adjustment, adjustment};
use crate::coherence::tags::Tags;
use crate::entry::Entry;
use crate::error::Result;
use crate::install::{installed, scoped};
use crate::key::{Digest, KeyHasher};
use crate::stats::{Event, Source};
use crate::value::shape::Shape;
use crate::value::{Cacheable, KeyPart};

use super::site::{Instance, Role, Site};

impl Site {
    /// Begins a call. `here` is an empty closure in the function's body, whose type names the function; `types` are the names of
    /// its own type parameters that count.
    #[inline]
    pub fn call<H: Fn(), S: Shape>(&'static self, _here: H, types: &[&'static str], _shape: S) -> Lookup<S> {
        let instance = self.instance::<H>(types, Role::Function);
        Lookup { target: Target::Site(self, instance, KeyHasher::new(&instance.digest)), shape: PhantomData }
    }

    /// Begins an address.
    pub fn address<H: Fn(), T>(&'static self, _here: H, types: &[&'static str]) -> Address<T> {
        let instance = self.instance::<H>(types, Role::Address);
        Address {
            site: self,
            instance,
            hasher: KeyHasher::new(&instance.digest),
            tags: Tags::default(),
            value: PhantomData,
        }
    }
}

/// A call that is cached under an address declared elsewhere.
pub fn at<S: Shape>(entry: &Entry<S::Value>, _shape: S) -> Lookup<S> {
    Lookup { target: Target::Entry(entry.request()), shape: PhantomData }
}

/// A call whose key is being made: where it stands, because to move a key that has just been written stalls the processor.
pub struct Lookup<S> {
    target: Target,
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
    request: Option<Request>,
    /// For a call that bypasses the cache.
    report: Option<Report>,
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

    /// Looks in L1.
    #[inline]
    pub fn look(&mut self) -> Look<S>
    where
        S: Shape,
    {
        let said = adjustment();
        match &mut self.target {
            Target::Site(site, instance, hasher) => {
                if instance.disowned {
                    return bypass(said);
                }
                let Ok(digest) = hasher.finish() else { return bypass(said) };
                if let Some(cache) = scoped() {
                    return look(&cache, &site.region(instance, &cache), digest, said);
                }
                match installed() {
                    Some(cache) => look(cache, site.installed_region(instance, cache), digest, said),
                    None => not_installed(said),
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
fn look<S: Shape>(cache: &Cache, region: &Arc<Region>, digest: Digest, said: Option<Adjustment>) -> Look<S> {
    if said.as_ref().is_none_or(|said| said.mode == Mode::Usual)
        && let Some(entry) = cache.look(region, &digest)
        && let Some(stored) = entry.value::<S::Value>()
    {
        // Counted before the value is cloned: an atomic addition waits until everything written before it has left the processor.
        if let Some(value) = stored {
            hit(region, &digest, said);
            return Look::Hit(S::hit(value.clone()));
        }
        if let Some(absence) = S::absence() {
            hit(region, &digest, said);
            return Look::Hit(absence);
        }
    }
    miss(cache, region, digest, said)
}

#[inline]
fn hit(region: &Region, digest: &Digest, said: Option<Adjustment>) {
    region.counters.count(Event::L1Hit);
    if let Some(hits) = &region.hot {
        hits.count(digest);
    }
    if let Some(said) = said {
        tell(said.report.as_ref(), Source::L1);
    }
}

#[cold]
fn miss<S: Shape>(cache: &Cache, region: &Arc<Region>, digest: Digest, said: Option<Adjustment>) -> Look<S> {
    let Adjustment { mode, report } = said.unwrap_or_default();
    let request = Request { mode, report, ..Request::new(cache, region, digest) };
    Look::Miss(Call { request: Some(request), report: None, shape: PhantomData })
}

/// The body runs as if there were no cache.
#[cold]
fn bypass<S: Shape>(said: Option<Adjustment>) -> Look<S> {
    let report = said.and_then(|said| said.report);
    Look::Miss(Call { request: None, report, shape: PhantomData })
}

#[cold]
fn not_installed<S: Shape>(said: Option<Adjustment>) -> Look<S> {
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
        self.load_if(body, |_| true).await
    }

    /// The same; keeps only what `keep` says.
    pub async fn load_if<F>(self, body: Pin<&mut F>, keep: impl Fn(&S::Value) -> bool) -> S::Output
    where
        S: Shape,
        F: Future<Output = S::Output>,
    {
        if let Some(request) = self.request {
            // Boxed, so that it costs the function's future a pointer; a miss can afford it.
            return Box::pin(load::<S, F>(request, body, keep)).await;
        }
        tell(self.report.as_ref(), Source::Bypass);
        body.await
    }
}

/// An address whose key is being made.
pub struct Address<T> {
    site: &'static Site,
    instance: &'static Instance,
    hasher: KeyHasher,
    tags: Tags,
    value: PhantomData<fn() -> T>,
}

impl<T: Cacheable> Address<T> {
    /// Adds a part of the key.
    #[must_use]
    pub fn part<P: KeyPart + ?Sized>(mut self, part: &P) -> Self {
        self.hasher.part(part);
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag<D: fmt::Display + ?Sized>(mut self, tag: &D) -> Self {
        self.tags.add(tag);
        self
    }

    /// The address, in the cache that is current.
    pub fn entry(mut self) -> Entry<T> {
        let digest: Result<Digest> = self.hasher.finish();
        let Some(cache) = scoped().or_else(Cache::installed) else { return Entry::nowhere() };
        let region = self.site.region(self.instance, &cache);
        Entry::at(cache, region, digest, self.tags)
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

opaque_debug!(Lookup<S>, Look<S: Shape>, Call<S>, Address<T>);
