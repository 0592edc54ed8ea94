//! The cache without macros: keys made by hand.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::error::{Result, TimedOut};
use crate::key::{Key, SiteDigest};
use crate::stats::Event;
use crate::value::Cacheable;
use crate::value::shape::{Plain, ResultOf, Shape};

use super::Cache;
use super::keys::Keys;
use super::life::Keep;
use super::policy::Policy;
use super::read::{load, peek};
use super::refresh::{Owned, load_owned};
use super::region::{Region, Spec};
use super::request::{Mode, Request};
use super::set::set;
use super::stale::Glance;
use super::timeout::within;

impl Cache {
    /// The value of `key`, if a tier has it. Never loads, and is not counted as a request.
    ///
    /// It looks as an empty [`Policy`] says: in the memory of the default cache, and for a value of version 0. What tags the value carries it
    /// need not know: they are in it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn get<T: Cacheable>(&self, key: &Key) -> Option<T> {
        peek(&self.request(key, &Policy::new())).await.flatten()
    }

    /// Stores a value that you have: L2 first, then memory. Loads under way keep nothing of what they have read.
    ///
    /// Under [`WriteMode::Behind`](super::WriteMode::Behind) L2 has removed what was there and told the other instances when this returns
    /// `Ok`, and is given the value soon after.
    ///
    /// # Errors
    ///
    /// L2's error, or `ErrorKind::Encode` or `TooLarge` for a value that cannot be stored.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, it may have stored in L2 and not in memory.
    pub async fn set<T: Cacheable>(&self, key: &Key, value: &T, policy: &Policy) -> Result<()> {
        set(&self.request(key, policy), value).await
    }

    /// The value of `key`, loaded by `load` if no tier has it. Errors of `load` are the caller's, and never kept.
    ///
    /// # Concurrent calls
    ///
    /// Callers of one key run `load` once and share what it gives. When it fails, those who waited run their own.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a dropped load is taken over by a caller that waits for it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> tiercache::Result<()> {
    /// # use tiercache::{Cache, Key, Policy};
    /// # let cache = Cache::builder().build().await?;
    /// let key = Key::new("user", &(42, "en"))?;
    /// let name: Result<String, std::io::Error> =
    ///     cache.get_or_load(&key, &Policy::new(), || async { Ok("Ada".to_owned()) }).await;
    /// assert_eq!(name.unwrap(), "Ada");
    /// assert_eq!(cache.get::<String>(&key).await.as_deref(), Some("Ada"));
    /// # Ok(()) }
    /// ```
    pub async fn get_or_load<T, E, F>(&self, key: &Key, policy: &Policy, load: impl FnOnce() -> F) -> Result<T, E>
    where
        T: Cacheable,
        F: Future<Output = Result<T, E>>,
    {
        self.answer::<ResultOf<T, E>, F>(key, policy, load, |_| Keep::Usual).await
    }

    /// Like [`Cache::get_or_load`], for a load that says how long its value lives, as `ttl_from` of [`cached`](macro@crate::cached) does:
    /// that goes before the policy's `ttl`. A value that lives for no time is not kept.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a dropped load is taken over by a caller that waits for it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> tiercache::Result<()> {
    /// # use std::time::Duration;
    /// # use tiercache::{Cache, Key, Policy};
    /// # let cache = Cache::builder().build().await?;
    /// let key = Key::new("token", "shop")?;
    /// let expired = || async { Ok::<_, std::io::Error>(("a1b2".to_owned(), Duration::ZERO)) };
    /// assert_eq!(cache.get_or_load_with_ttl(&key, &Policy::new(), expired).await.unwrap(), "a1b2");
    /// assert_eq!(cache.get::<String>(&key).await, None);
    /// # Ok(()) }
    /// ```
    pub async fn get_or_load_with_ttl<T, E, F>(
        &self,
        key: &Key,
        policy: &Policy,
        load: impl FnOnce() -> F,
    ) -> Result<T, E>
    where
        T: Cacheable,
        F: Future<Output = Result<(T, Duration), E>>,
    {
        // Set by the body, and read for its own value only.
        let ttl = OnceLock::new();
        let body = || async {
            let (value, said) = load().await?;
            // Run once.
            let _ = ttl.set(said);
            Ok(value)
        };
        let keep = |_: &T| ttl.get().map_or(Keep::Usual, |said| Keep::For(*said));
        self.answer::<ResultOf<T, E>, _>(key, policy, body, keep).await
    }

    /// Like [`Cache::get_or_load`], for a load that can outlive its caller. So the policy may have a `stale_while_revalidate`, a
    /// `refresh_ahead`, a `timeout`, a `soft_timeout` and `detach`, which the others ignore.
    ///
    /// Such loads run in tasks of the runtime around, or on the cache's own thread if there is none.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a load in a task goes on, another is taken over by a caller that waits for it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use std::time::Duration;
    /// # use tiercache::{Cache, Key, Policy, TimedOut};
    /// #[derive(Debug)]
    /// struct Late;
    ///
    /// impl From<TimedOut> for Late {
    ///     fn from(_: TimedOut) -> Self {
    ///         Late
    ///     }
    /// }
    ///
    /// # let cache = Cache::builder().build().await?;
    /// const RATES: Policy = Policy::new().ttl(Duration::from_secs(60)).timeout(Duration::from_millis(20));
    /// let key = Key::new("rate", "EUR")?;
    /// let rate: Result<u64, Late> = cache.get_or_load_owned(&key, &RATES, || std::future::pending()).await;
    /// assert!(rate.is_err());
    /// # Ok(()) }
    /// ```
    pub async fn get_or_load_owned<T, E, F>(&self, key: &Key, policy: &Policy, load: impl FnOnce() -> F) -> Result<T, E>
    where
        T: Cacheable,
        E: From<TimedOut> + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let request = self.request(key, policy);
        let given = match self.glance(&request.region, &request.digest, || request.terms) {
            Some(Glance::Due(entry, source)) => Some((entry, source)),
            Some(Glance::Fresh(entry)) => match entry.value().cloned().and_then(ResultOf::<T, E>::output) {
                Some(output) => {
                    request.region.counters.count(Event::L1Hit);
                    return output;
                }
                None => None,
            },
            None => None,
        };
        let body: Owned<Result<T, E>> = match request.terms.timeout {
            Some(limit) => Box::pin(within(Some(self.clone()), limit, || Err(TimedOut.into()), load())),
            None => Box::pin(load()),
        };
        load_owned::<ResultOf<T, E>, _>(request, body, |_| Keep::Usual, given).await
    }

    /// Like [`Cache::get_or_load`], for a load that cannot fail.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a dropped load is taken over by a caller that waits for it.
    pub async fn get_or_load_value<T, F>(&self, key: &Key, policy: &Policy, load: impl FnOnce() -> F) -> T
    where
        T: Cacheable,
        F: Future<Output = T>,
    {
        self.answer::<Plain<T>, F>(key, policy, load, |_| Keep::Usual).await
    }

    async fn answer<S, F>(
        &self,
        key: &Key,
        policy: &Policy,
        body: impl FnOnce() -> F,
        keep: impl Fn(&S::Value) -> Keep,
    ) -> S::Output
    where
        S: Shape,
        F: Future<Output = S::Output>,
    {
        let request = self.request(key, policy);
        if let Some(entry) = self.look(&request.region, &request.digest)
            && let Some(output) = entry.value().cloned().and_then(S::output)
        {
            request.region.counters.count(Event::L1Hit);
            return output;
        }
        load::<S, F>(request, pin!(body()), keep).await
    }

    /// The keys in L2 of the prefixes that a pattern covers (see [`Cache::invalidate_pattern`]), as they are found: a key may come
    /// twice; one that is stored or removed meanwhile may or may not come. Without an L2 there are none.
    pub fn keys(&self, pattern: impl Into<String>) -> Keys {
        Keys::new(self, pattern.into())
    }

    /// Stops using L2, and makes durable what was written. Calls go on from memory and from their bodies. Takes at most a second to wait
    /// for invalidations under way and to tell L2 of those that it could not be told of, and the L2 deadline; with
    /// [`keep_hot_keys`](super::CacheBuilder::keep_hot_keys), two more of those. Under
    /// [`WriteMode::Behind`](super::WriteMode::Behind) it takes at most another second to store what is queued; what is left then is given up,
    /// and the rights to fill its keys are given back within half a second more.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Pending` if L2 still could not be told, with how much it does not know; else L2's error. It is closed all the same.
    pub async fn close(&self) -> Result<()> {
        if self.inner.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        // The I/O thread stays: callers that wait for another's load are let go by its beat.
        match &self.inner.l2 {
            Some(guard) => {
                let settled = self.inner.settle(guard).await;
                self.inner.behind.finish(guard).await;
                if let Some(hot) = self.inner.regions.hot() {
                    hot.save(guard).await;
                }
                settled.and(guard.probing().close().await)
            }
            None => Ok(()),
        }
    }

    /// The region of keys made by hand under `prefix`.
    pub(super) fn direct_region(&self, prefix: &str) -> Arc<Region> {
        self.region_of(prefix, &Policy::new())
    }

    fn region_of(&self, prefix: &str, policy: &Policy) -> Arc<Region> {
        self.region(&Spec { site: SiteDigest::direct(prefix), prefix, function: None, policy })
    }

    pub(super) fn request(&self, key: &Key, policy: &Policy) -> Request {
        let region = self.region_of(key.prefix(), policy);
        let terms = policy.terms(&region.named);
        let request = Request { terms, tags: policy.tags.clone(), ..Request::new(self, &region, *key.digest()) };
        if let Err(reason) = request.can_be_tagged() {
            self.notice(format!("`{}`: not cached: {reason}", request.region.label()));
            return Request { mode: Mode::Uncached, ..request };
        }
        request
    }
}
