//! Invalidation: L2 acknowledged first, then this process, then `Ok`.

use crate::coherence::groups::{NAMESPACE, covered, covers, hash, prefix_hash};
use crate::coherence::news::News;
use crate::coherence::watch::Heed;
use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::key::{Digest, Key, check_prefix, l2_key};
use crate::stats::Event;
use crate::store::{Stamps, Tell};

use super::region::Region;
use super::{Cache, Inner};

/// Keys that one round trip removes at most: Redis does nothing else meanwhile.
const AT_ONCE: usize = 1_000;

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
        for key in &keys {
            self.direct_region(key.prefix()).counters.count(Event::Invalidation);
        }
        for keys in keys.chunks(AT_ONCE) {
            let l2_keys = keys.iter().map(|key| l2_key(self.namespace(), key.prefix(), key.digest())).collect();
            self.remove(keys.iter().map(|key| *key.digest()).collect(), l2_keys).await?;
        }
        Ok(())
    }

    /// Removes the value of a region's digest.
    pub(crate) async fn invalidate_in(&self, region: &Region, digest: &Digest) -> Result<()> {
        region.counters.count(Event::Invalidation);
        self.remove(vec![*digest], vec![l2_key(self.namespace(), &region.prefix, digest)]).await
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
        let local = Local::when_dropped(|| self.inner.forget_prefixes(|prefix| covers(pattern, prefix)));
        let removed = match self.l2() {
            None => Ok(()),
            Some(guard) => match guard.groups(self.stamps_key()).await {
                Ok(groups) => self.remove_groups(guard, covered(pattern, groups)).await,
                Err(error) => Err(error),
            },
        };
        drop(local);
        removed
    }

    /// Makes every value of this namespace invalid at once. Other data in the same L2 is not touched.
    ///
    /// # Errors
    ///
    /// As [`Cache::invalidate`].
    pub async fn clear(&self) -> Result<()> {
        let local = Local::when_dropped(|| self.clear_l1());
        let removed = match self.l2() {
            None => Ok(()),
            Some(guard) => self.remove_groups(guard, vec![NAMESPACE.into()]).await,
        };
        drop(local);
        removed
    }

    async fn remove(&self, digests: Vec<Digest>, l2_keys: Vec<String>) -> Result<()> {
        let local = Local::when_dropped(|| digests.iter().for_each(|digest| self.forget(digest)));
        let removed = match self.l2() {
            None => Ok(()),
            Some(guard) => {
                let tell = self.tell(&News::Keys(digests.clone()));
                guard.invalidate(l2_keys, Stamps { key: self.stamps_key().to_string(), groups: Vec::new() }, tell).await
            }
        };
        drop(local);
        removed.map_err(not_told)
    }

    async fn remove_groups(&self, guard: &Guard, groups: Vec<String>) -> Result<()> {
        if groups.is_empty() {
            return Ok(());
        }
        let tell = self.tell(&News::Groups(groups.iter().map(|group| hash(group)).collect()));
        let stamps = Stamps { key: self.stamps_key().to_string(), groups };
        guard.invalidate(Vec::new(), stamps, tell).await.map_err(not_told)
    }

    fn tell(&self, news: &News) -> Tell {
        Tell { log: self.inner.log.clone(), channel: self.inner.channel.clone(), message: news.encode() }
    }

    /// Forgets one value in this process, and lets no load under way bring it back.
    pub(super) fn forget(&self, digest: &Digest) {
        self.inner.forget(digest);
    }
}

impl Inner {
    fn forget(&self, digest: &Digest) {
        self.fence.bump(digest, || self.regions.caches().for_each(|named| named.l1.remove(digest)));
        self.flights.forget(digest);
    }

    /// Makes the entries of the prefixes that are `covered` stale, and lets nobody join a load begun before.
    fn forget_prefixes(&self, covered: impl Fn(&str) -> bool) {
        self.regions.move_generations(covered);
        self.flights.forget_all();
    }

    /// Makes everything in memory stale.
    pub(super) fn forget_everything(&self) {
        self.fence.bump_epoch();
        self.flights.forget_all();
    }
}

/// What other instances have invalidated.
impl Heed for Inner {
    fn heed(&self, news: &News) {
        match news {
            News::Anchor => {}
            News::Keys(keys) => keys.iter().for_each(|key| self.forget(key)),
            News::Groups(groups) if groups.contains(&hash(NAMESPACE)) => self.forget_everything(),
            News::Groups(groups) => self.forget_prefixes(|prefix| groups.contains(&prefix_hash(prefix))),
            News::Unknown => {
                tracing::warn!("news of an unknown kind: everything in memory is stale");
                self.forget_everything();
            }
        }
    }

    fn heed_everything(&self) {
        self.forget_everything();
    }
}

fn not_told(error: Error) -> Error {
    let text = format!("this process has forgotten the value, but L2 may still hold it: {error}");
    Error::new(error.kind(), text).with_source(error)
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
