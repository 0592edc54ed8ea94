//! Invalidation: L2 acknowledged first, then this process, then `Ok`.

pub(super) mod batch;
pub(super) mod queue;

use std::sync::Arc;

use crate::coherence::groups::{NAMESPACE, covered, covers, hash, prefix_hash};
use crate::coherence::news::News;
use crate::coherence::watch::Heed;
use crate::error::{Error, ErrorKind, Result};
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
    ///
    /// # Cancel safety
    ///
    /// Dropped after it was first polled, it is carried out all the same, in this process and in L2.
    pub async fn invalidate_many<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) -> Result<()> {
        let mut removal = Vec::new();
        for key in keys {
            self.direct_region(key.prefix()).counters.count(Event::Invalidation);
            removal.push((*key.digest(), l2_key(self.namespace(), key.prefix(), key.digest())));
        }
        self.carry_out(Removal::Keys(removal)).await
    }

    /// Removes the value of a region's digest.
    pub(crate) async fn invalidate_in(&self, region: &Region, digest: &Digest) -> Result<()> {
        region.counters.count(Event::Invalidation);
        self.carry_out(Removal::Keys(vec![(*digest, l2_key(self.namespace(), &region.prefix, digest))])).await
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
        self.carry_out(Removal::Pattern(pattern.to_owned())).await
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
        self.carry_out(Removal::Everything).await
    }

    /// Tells the other instances that what they have of a value is old.
    pub(super) async fn tell_of(&self, guard: &Guard, digest: &Digest) -> Result<()> {
        if !guard.is_shared() {
            return Ok(());
        }
        let tell = self.inner.tell(&News::Keys(vec![*digest]));
        guard.invalidate(Vec::new(), self.inner.stamps(Vec::new()), tell).await
    }

    /// L2 first, then this process. With an L2, in a task of the cache's own: it goes on when the caller goes away.
    async fn carry_out(&self, removal: Removal) -> Result<()> {
        let guard = match self.open_l2() {
            Ok(Some(guard)) => guard.clone(),
            Ok(None) => {
                self.inner.forget_removed(&removal);
                return Ok(());
            }
            Err(closed) => {
                self.inner.forget_removed(&removal);
                return Err(not_told(closed));
            }
        };
        let cache = self.clone();
        let task = self.inner.io.spawn(async move {
            let told = cache.inner.remove(&guard, &removal).await;
            cache.inner.forget_removed(&removal);
            told.map_err(not_told)
        });
        task.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::NotInstalled, "the cache is closed")))
    }

    /// Forgets one value in this process, and lets no load under way bring it back.
    pub(super) fn forget(&self, digest: &Digest) {
        self.inner.forget(digest);
    }
}

/// What is to be removed.
enum Removal {
    /// Digests, and the keys in L2.
    Keys(Vec<(Digest, String)>),
    /// The prefixes that a pattern covers.
    Pattern(String),
    Everything,
}

impl Inner {
    /// Removes from L2, and tells the other instances.
    async fn remove(&self, guard: &Guard, removal: &Removal) -> Result<()> {
        match removal {
            Removal::Keys(keys) => {
                for keys in keys.chunks(AT_ONCE) {
                    let tell = self.tell(&News::Keys(keys.iter().map(|(digest, _)| *digest).collect()));
                    let keys = keys.iter().map(|(_, key)| key.clone()).collect();
                    guard.invalidate(keys, self.stamps(Vec::new()), tell).await?;
                }
                Ok(())
            }
            Removal::Pattern(pattern) => {
                // Others are told also where no stamp is left: it may have been evicted, and their memory not.
                let groups = guard.groups(Arc::clone(&self.stamps_key)).await?;
                let tell = self.tell(&News::Pattern(pattern.clone()));
                guard.invalidate(Vec::new(), self.stamps(covered(pattern, groups)), tell).await
            }
            Removal::Everything => {
                let tell = self.tell(&News::Groups(vec![hash(NAMESPACE)]));
                guard.invalidate(Vec::new(), self.stamps(vec![NAMESPACE.into()]), tell).await
            }
        }
    }

    fn stamps(&self, fields: Vec<String>) -> Stamps {
        Stamps { hash: Arc::clone(&self.stamps_key), fields: fields.into(), tags: Arc::default() }
    }

    pub(super) fn tell(&self, news: &News) -> Tell {
        Tell { log: self.log.clone(), channel: self.channel.clone(), message: news.encode() }
    }

    fn forget_removed(&self, removal: &Removal) {
        match removal {
            Removal::Keys(keys) => keys.iter().for_each(|(digest, _)| self.forget(digest)),
            Removal::Pattern(pattern) => self.forget_prefixes(|prefix| covers(pattern, prefix)),
            Removal::Everything => self.drop_everything(),
        }
    }

    fn forget(&self, digest: &Digest) {
        self.fence.bump(digest, || self.regions.caches().for_each(|named| named.l1.remove(digest)));
        self.flights.forget(digest);
    }

    /// Makes everything in memory stale, and frees it.
    pub(super) fn drop_everything(&self) {
        self.forget_everything();
        self.regions.caches().for_each(|named| named.l1.clear());
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
            News::Pattern(pattern) => self.forget_prefixes(|prefix| covers(pattern, prefix)),
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
