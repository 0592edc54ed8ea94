//! Invalidation: L2 acknowledged first, then this process, then `Ok`.

use std::sync::Arc;

use crate::coherence::groups::{NAMESPACE, covered, covers};
use crate::error::{Error, ErrorKind, Result};
use crate::guard::Guard;
use crate::key::{Digest, Key, check_prefix, l2_key};
use crate::stats::Event;

use super::Cache;
use super::region::Region;
use super::request::FlightKey;

impl Cache {
    /// Removes one value from both tiers. Loads of it under way keep nothing of what they have read.
    ///
    /// # Errors
    ///
    /// L2's error, if it could not be told: then this process forgets the value all the same, and L2 may still hold it.
    ///
    /// # Cancel safety
    ///
    /// Dropped after it was first polled, it is carried out all the same, in this process and in L2.
    pub async fn invalidate(&self, key: &Key) -> Result<()> {
        self.invalidate_many([key]).await
    }

    /// Removes many values at once: one round trip to L2.
    ///
    /// # Errors
    ///
    /// As [`Cache::invalidate`].
    ///
    /// # Cancel safety
    ///
    /// Dropped after it was first polled, it is carried out all the same, in this process and in L2.
    pub async fn invalidate_many<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) -> Result<()> {
        let keys: Vec<&Key> = keys.into_iter().collect();
        let l2_keys = keys.iter().map(|key| l2_key(self.namespace(), key.prefix(), key.digest())).collect();
        let places: Vec<_> = keys.iter().map(|key| (self.direct_region(key.prefix()), *key.digest())).collect();
        let local = Local::when_dropped(|| places.iter().for_each(|(region, digest)| self.forget(region, digest)));
        for (region, digest) in &places {
            self.begin_invalidation(region, digest);
        }
        let removed = self.remove(l2_keys).await;
        drop(local);
        removed
    }

    /// Removes the value of a region's digest.
    pub(crate) async fn invalidate_in(&self, region: &Region, digest: &Digest) -> Result<()> {
        let key = l2_key(self.namespace(), &region.prefix, digest);
        let local = Local::when_dropped(|| self.forget(region, digest));
        self.begin_invalidation(region, digest);
        let removed = self.remove(vec![key]).await;
        drop(local);
        removed
    }

    /// Makes every value of a prefix, and of the prefixes below it (`user` covers `user:profile`), invalid at once, however many
    /// there are.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Config` for a prefix that cannot be; else as [`Cache::invalidate`].
    ///
    /// # Cancel safety
    ///
    /// Dropped after it was first polled, it is carried out all the same, in this process and in L2.
    pub async fn invalidate_prefix(&self, prefix: &str) -> Result<()> {
        check_prefix(prefix)?;
        self.invalidate_pattern(prefix).await
    }

    /// Makes every value of the prefixes that a pattern covers invalid: `user:*` covers `user` and all below it, `*` everything.
    /// A `*` elsewhere stands for any characters.
    ///
    /// # Errors
    ///
    /// As [`Cache::invalidate`].
    ///
    /// # Cancel safety
    ///
    /// Dropped after it was first polled, it is carried out all the same, in this process and in L2.
    pub async fn invalidate_pattern(&self, pattern: &str) -> Result<()> {
        let local = Local::when_dropped(|| self.inner.regions.move_generations(|prefix| covers(pattern, prefix)));
        let unstamped = match self.open_l2() {
            Ok(None) => Ok(()),
            Ok(Some(guard)) => self.unstamp(guard.clone(), pattern).await,
            Err(closed) => Err(closed),
        };
        drop(local);
        unstamped
    }

    /// Makes every value of this namespace invalid at once. Other data in the same L2 is not touched.
    ///
    /// # Errors
    ///
    /// As [`Cache::invalidate`].
    ///
    /// # Cancel safety
    ///
    /// Dropped after it was first polled, it is carried out all the same, in this process and in L2.
    pub async fn clear(&self) -> Result<()> {
        let local = Local::when_dropped(|| self.clear_l1());
        let unstamped = match self.open_l2() {
            Ok(None) => Ok(()),
            Err(closed) => Err(closed),
            Ok(Some(guard)) => guard.unstamp(self.stamps_key(), vec![NAMESPACE.into()]).await,
        };
        drop(local);
        unstamped
    }

    /// Two exchanges with L2, of which the second one is made also when the caller goes away after the first.
    async fn unstamp(&self, guard: Guard, pattern: &str) -> Result<()> {
        let (stamps_key, pattern) = (self.stamps_key(), pattern.to_owned());
        let task = self.inner.io.spawn(async move {
            let groups = guard.groups(Arc::clone(&stamps_key)).await?;
            guard.unstamp(stamps_key, covered(&pattern, groups)).await
        });
        task.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::NotInstalled, "the cache is closed")))
    }

    async fn remove(&self, l2_keys: Vec<String>) -> Result<()> {
        let removed = match self.open_l2() {
            Ok(None) => return Ok(()),
            Ok(Some(guard)) => guard.remove(l2_keys).await,
            Err(closed) => Err(closed),
        };
        removed.map_err(|error| {
            let text = format!("this process has forgotten the value, but L2 may still hold it: {error}");
            Error::new(error.kind(), text).with_source(error)
        })
    }

    /// Before L2 is told: what loads under way have read is not to be stored in it behind the removal.
    fn begin_invalidation(&self, region: &Region, digest: &Digest) {
        region.counters.count(Event::Invalidation);
        self.fence().bump(digest, || {});
    }

    /// Forgets one value in this process, and lets no load under way bring it back.
    pub(super) fn forget(&self, region: &Region, digest: &Digest) {
        self.fence().bump(digest, || self.inner.regions.caches().for_each(|named| named.l1.remove(digest)));
        self.leave_behind(region, digest);
    }

    /// Lets nobody who comes from now on join a load that is under way.
    pub(super) fn leave_behind(&self, region: &Region, digest: &Digest) {
        self.flights().forget(&FlightKey::now(self, region, digest));
    }
}

/// This process's part of an invalidation: done when dropped, so that it is done also when the caller goes away while L2 is asked.
pub(super) struct Local<F: FnOnce()> {
    run: Option<F>,
}

impl<F: FnOnce()> Local<F> {
    pub(super) fn when_dropped(run: F) -> Self {
        Self { run: Some(run) }
    }

    /// There is no need for it.
    pub(super) fn cancel(mut self) {
        self.run = None;
    }
}

impl<F: FnOnce()> Drop for Local<F> {
    fn drop(&mut self) {
        if let Some(run) = self.run.take() {
            run();
        }
    }
}
