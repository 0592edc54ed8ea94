//! Invalidation: L2 acknowledged first, then this process, then `Ok`.

use crate::coherence::groups::{NAMESPACE, covered, covers};
use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::key::{Digest, Key, check_prefix, l2_key};
use crate::stats::Event;

use super::Cache;
use super::region::Region;

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
    pub async fn invalidate_many<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) -> Result<()> {
        let keys: Vec<&Key> = keys.into_iter().collect();
        let l2_keys = keys.iter().map(|key| l2_key(self.namespace(), key.prefix(), key.digest())).collect();
        let local = Local::when_dropped(|| keys.iter().for_each(|key| self.forget(key.digest())));
        for key in &keys {
            self.direct_region(key.prefix()).counters.count(Event::Invalidation);
        }
        let removed = self.remove(l2_keys).await;
        drop(local);
        removed
    }

    /// Removes the value of a region's digest.
    pub(crate) async fn invalidate_in(&self, region: &Region, digest: &Digest) -> Result<()> {
        let key = l2_key(self.namespace(), &region.prefix, digest);
        let local = Local::when_dropped(|| self.forget(digest));
        region.counters.count(Event::Invalidation);
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
    pub async fn invalidate_pattern(&self, pattern: &str) -> Result<()> {
        let local = Local::when_dropped(|| self.inner.regions.move_generations(|prefix| covers(pattern, prefix)));
        let unstamped = match self.l2() {
            None => Ok(()),
            Some(guard) => self.unstamp(guard, pattern).await,
        };
        drop(local);
        unstamped
    }

    /// Makes every value of this namespace invalid at once. Other data in the same L2 is not touched.
    ///
    /// # Errors
    ///
    /// As [`Cache::invalidate`].
    pub async fn clear(&self) -> Result<()> {
        let local = Local::when_dropped(|| self.clear_l1());
        let unstamped = match self.l2() {
            None => Ok(()),
            Some(guard) => guard.unstamp(self.stamps_key(), vec![NAMESPACE.into()]).await,
        };
        drop(local);
        unstamped
    }

    async fn unstamp(&self, guard: &Guard, pattern: &str) -> Result<()> {
        let groups = guard.groups(self.stamps_key()).await?;
        guard.unstamp(self.stamps_key(), covered(pattern, groups)).await
    }

    async fn remove(&self, l2_keys: Vec<String>) -> Result<()> {
        let Some(guard) = self.l2() else { return Ok(()) };
        guard.remove(l2_keys).await.map_err(|error| {
            let text = format!("this process has forgotten the value, but L2 may still hold it: {error}");
            Error::new(error.kind(), text).with_source(error)
        })
    }

    /// Forgets one value in this process, and lets no load under way bring it back.
    pub(super) fn forget(&self, digest: &Digest) {
        self.fence().bump(digest, || self.inner.regions.caches().for_each(|named| named.l1.remove(digest)));
        self.flights().forget(digest);
    }
}

/// This process's part of an invalidation: done when dropped, so that it is done also when the caller goes away while L2 is asked.
struct Local<F: FnOnce()> {
    run: Option<F>,
}

impl<F: FnOnce()> Local<F> {
    fn when_dropped(run: F) -> Self {
        Self { run: Some(run) }
    }
}

impl<F: FnOnce()> Drop for Local<F> {
    fn drop(&mut self) {
        if let Some(run) = self.run.take() {
            run();
        }
    }
}
