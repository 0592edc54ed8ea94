//! Queued invalidations: this process forgets at once, everybody else hears of many keys in few round trips.

use super::{Cache, Region, Removal, not_told};
use crate::coherence::news::Removed;
use crate::error::Result;
use crate::key::{Digest, Key};
use crate::stats::Event;

impl Cache {
    /// Removes one value from both tiers, soon: this process forgets it now, L2 and the other instances within milliseconds, in one
    /// round trip for all that was queued meanwhile. For writers of many values that need not wait for each.
    ///
    /// Until it is carried out, it is promised for this process only, which does not read the value in L2 either. If L2 does not
    /// answer, it is told as soon as it does. [`Cache::flush_invalidations`] says when it is done, and [`Cache::close`] does it first;
    /// a process that ends without that may leave the value in L2. With more than 100,000 values in the queue, the whole namespace is
    /// invalidated instead.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> tiercache::Result<()> {
    /// # use tiercache::{Cache, Key};
    /// # let cache = Cache::builder().build().await?;
    /// for id in 0..10_000 {
    ///     cache.queue_invalidation(&Key::new("user", &id)?);
    /// }
    /// cache.flush_invalidations().await?;
    /// # Ok(()) }
    /// ```
    pub fn queue_invalidation(&self, key: &Key) {
        self.queue_in(&self.direct_region(key.prefix()), key.digest());
    }

    /// Carries out, now, all that was queued before, and all that L2 could not be told of. When it has returned `Ok`, it is as if each had
    /// been invalidated by [`Cache::invalidate`].
    ///
    /// # Errors
    ///
    /// `ErrorKind::Pending` if L2 could not be told: it will be, as soon as it answers. `ErrorKind::NotInstalled` after [`Cache::close`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what is queued is carried out all the same.
    pub async fn flush_invalidations(&self) -> Result<()> {
        match self.open_l2().map_err(not_told)? {
            Some(guard) => self.inner.flush(guard).await,
            None => Ok(()),
        }
    }

    /// Queues the value of a region's digest.
    pub(crate) fn queue_in(&self, region: &Region, digest: &Digest) {
        region.counters.count(Event::Invalidation);
        if let Ok(Some(guard)) = self.open_l2() {
            let removed = Removed { prefix: region.prefix.clone(), digest: *digest };
            // Owed before it is forgotten: who comes after that is not to believe L2.
            self.inner.tell_later(guard, &Removal::Keys(vec![removed]));
        }
        self.inner.forget(digest);
    }
}
