//! Invalidation: L2 acknowledged first, then this process, then `Ok`.

pub(super) mod batch;
mod local;
mod queue;
mod redo;
mod tags;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::coherence::groups::{NAMESPACE, covered, covers, hash};
use crate::coherence::news::{News, Removed};
use crate::coherence::watch::Heed;
use crate::error::{Error, ErrorKind, Result};
use crate::guard::Guard;
use crate::key::{Digest, Key, check_prefix, l2_key};
use crate::stats::Event;
use crate::store::{Op, Stamps, Tell};
use crate::time::Proof;

use super::region::Region;
use super::{Cache, Inner};

pub(super) use local::Local;

/// Keys that one round trip removes at most: Redis does nothing else meanwhile.
pub(super) const AT_ONCE: usize = 1_000;

impl Cache {
    /// Removes one value from both tiers. Loads of it under way keep nothing of what they have read.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Pending` if L2 could not be told: then this process forgets the value all the same, and does not ask L2 for it until
    /// it has been told, which is as soon as it answers; meanwhile L2 may still hold it, for other instances.
    /// `ErrorKind::NotInstalled` if the cache is closed.
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
            removal.push(Removed { prefix: key.prefix().to_owned(), digest: *key.digest() });
        }
        self.carry_out(Removal::Keys(removal)).await
    }

    /// Removes the value of a region's digest.
    pub(crate) async fn invalidate_in(&self, region: &Region, digest: &Digest) -> Result<()> {
        region.counters.count(Event::Invalidation);
        self.carry_out(Removal::Keys(vec![Removed { prefix: region.prefix.clone(), digest: *digest }])).await
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
    pub(super) fn tell_of(&self, region: &Region, digest: &Digest) -> Tell {
        self.inner.tell(&News::Keys(vec![Removed { prefix: region.prefix.clone(), digest: *digest }]))
    }

    /// L2 first, then this process. With an L2, in a task of the cache's own: it goes on when the caller goes away.
    pub(super) async fn carry_out(&self, removal: Removal) -> Result<()> {
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
            let _telling = cache.inner.telling.read().await;
            let told = cache.inner.remove(&guard, &removal).await;
            // Owed before it is forgotten: who comes after that is not to believe L2.
            let told = told.map_err(|error| cache.inner.owe(&guard, &removal, error));
            cache.inner.forget_removed(&removal);
            told
        });
        task.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::NotInstalled, "the cache is closed")))
    }

    /// Forgets one value in this process, and lets no load under way bring it back.
    pub(super) fn forget(&self, digest: &Digest) {
        self.inner.forget(digest);
    }
}

/// What is to be removed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Removal {
    Keys(Vec<Removed>),
    /// The prefixes that a pattern covers.
    Pattern(String),
    /// The hashes of tags.
    Tags(Vec<u64>),
    Everything,
}

impl Removal {
    /// Whether it is a group of entries that has those of this prefix with these tags.
    pub(super) fn covers(&self, prefix: &str, tags: &[u64]) -> bool {
        match self {
            Self::Keys(_) => false,
            Self::Pattern(pattern) => covers(pattern, prefix),
            Self::Tags(removed) => tags.iter().any(|tag| removed.contains(tag)),
            Self::Everything => true,
        }
    }
}

impl Inner {
    /// Removes from L2, and tells the other instances.
    pub(super) async fn remove(&self, guard: &Guard, removal: &Removal) -> Result<()> {
        match removal {
            Removal::Keys(keys) => {
                for removed in keys.chunks(AT_ONCE) {
                    let keys = removed.iter().map(|key| l2_key(&self.namespace, &key.prefix, &key.digest)).collect();
                    let news = News::Keys(removed.to_vec());
                    self.remove_and_tell(guard, keys, self.stamps(Vec::new()), &news).await?;
                }
                Ok(())
            }
            Removal::Pattern(pattern) => {
                // Others are told also where no stamp is left: it may have been evicted, and their memory not.
                let groups = guard.groups(Arc::clone(&self.stamps_key)).await?;
                let (stamps, news) = (self.stamps(covered(pattern, groups)), News::Pattern(pattern.clone()));
                self.remove_and_tell(guard, Vec::new(), stamps, &news).await
            }
            Removal::Tags(tags) => self.remove_tags(guard, tags).await,
            Removal::Everything => {
                let (stamps, news) = (self.stamps(vec![NAMESPACE.into()]), News::Groups(vec![hash(NAMESPACE)]));
                self.remove_and_tell(guard, Vec::new(), stamps, &news).await
            }
        }
    }

    fn stamps(&self, fields: Vec<String>) -> Stamps {
        Stamps { hash: Arc::clone(&self.stamps_key), fields: fields.into(), tags: Arc::default() }
    }

    pub(super) fn tell(&self, news: &News) -> Tell {
        Tell { log: self.log.clone(), channel: self.channel.clone(), message: news.encode(self.origin) }
    }

    /// Removes keys and stamps from L2, and tells the other instances; the journal keeps what the log has acknowledged.
    async fn remove_and_tell(&self, guard: &Guard, keys: Vec<String>, stamps: Stamps, news: &News) -> Result<()> {
        let tell = self.tell(news);
        let message = tell.message.clone();
        let place = guard.invalidate(keys, stamps, tell).await?;
        self.note_told(place.as_deref(), &message);
        Ok(())
    }

    /// Notes in the journal what the log has acknowledged, at this place.
    pub(super) fn note_told(&self, place: Option<&str>, message: &[u8]) {
        if let Some(place) = place {
            self.journal.made(place, message, Proof::now());
        }
    }

    fn forget_removed(&self, removal: &Removal) {
        match removal {
            Removal::Keys(keys) => keys.iter().for_each(|key| self.forget(&key.digest)),
            Removal::Pattern(pattern) => self.forget_prefixes(|prefix| covers(pattern, prefix)),
            Removal::Tags(tags) => self.forget_tags(tags),
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
    fn heed(&self, message: &[u8]) {
        let (origin, news) = News::decode(message);
        if origin == Some(self.origin) {
            // What this instance tells it heeds itself, and by now it may have loaded, or stored, what came after.
            return;
        }
        match news {
            News::Anchor(_) => {}
            News::Keys(keys) => keys.iter().for_each(|key| self.forget(&key.digest)),
            News::Groups(groups) if groups.contains(&hash(NAMESPACE)) => self.forget_everything(),
            News::Groups(tags) => self.forget_tags(&tags),
            News::Pattern(pattern) => self.forget_prefixes(|prefix| covers(&pattern, prefix)),
            News::Unknown => {
                self.unknown_news.fetch_add(1, Relaxed);
                tracing::warn!("news of an unknown kind: everything in memory is stale");
                self.forget_everything();
            }
        }
    }

    fn heed_everything(&self) {
        self.forget_everything();
    }

    fn redo(&self, news: News) -> Op<'_, ()> {
        Box::pin(self.redo(news))
    }
}

fn not_told(error: Error) -> Error {
    let text = format!("this process has forgotten the value, but L2 may still hold it: {error}");
    Error::new(error.kind(), text).with_source(error)
}
