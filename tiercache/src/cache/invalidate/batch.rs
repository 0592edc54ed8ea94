//! Several things invalidated together, on behalf of somebody who may go away meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinHandle;

use super::{Cache, Removal};
use crate::cache::Region;
use crate::coherence::news::Removed;
use crate::coherence::tags::Tags;
use crate::error::Result;
use crate::key::Digest;
use crate::stats::Event;

/// What is to be invalidated together.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) values: Vec<(Arc<Region>, Digest)>,
    pub(crate) prefixes: Vec<&'static str>,
    pub(crate) tags: Tags,
    pub(crate) everything: bool,
}

/// An invalidation that is carried out, whether anybody waits for it or not.
#[must_use = "it goes on by itself, but who wants to know that it is over waits for its end"]
pub(crate) struct Begun(Option<JoinHandle<()>>);

impl Begun {
    /// Waits until it is over. A failure was logged.
    pub(crate) async fn end(self) {
        if let Some(task) = self.0 {
            // A task that is dropped was on the thread of a cache that is gone.
            let _ = task.await;
        }
    }
}

impl Cache {
    /// Begins to invalidate a batch: in memory at once if there is nothing else, or else by a task of the cache's own.
    pub(crate) fn begin(&self, batch: Batch) -> Begun {
        let removals = Self::removals(batch);
        if self.inner.l2.is_none() {
            for removal in &removals {
                self.inner.forget_removed(removal);
            }
            return Begun(None);
        }
        let cache = self.clone();
        Begun(Some(self.inner.io.spawn(async move {
            for removal in removals {
                report(&cache.carry_out(removal).await);
            }
        })))
    }

    fn removals(batch: Batch) -> Vec<Removal> {
        let Batch { values, prefixes, tags, everything } = batch;
        let keys = values.iter().map(|(region, digest)| {
            region.counters.count(Event::Invalidation);
            Removed { prefix: region.prefix.clone(), digest: *digest }
        });
        let keys: Vec<_> = keys.collect();
        if everything {
            return vec![Removal::Everything];
        }
        let keys = (!keys.is_empty()).then_some(Removal::Keys(keys));
        let tags = (!tags.hashes().is_empty()).then(|| Removal::Tags(tags.hashes().to_vec()));
        let prefixes = prefixes.into_iter().map(|prefix| Removal::Pattern(prefix.to_owned()));
        keys.into_iter().chain(tags).chain(prefixes).collect()
    }
}

/// Warns once in an outage: nobody else is told.
pub(in crate::cache) fn report(told: &Result<()>) {
    static OUTAGE: AtomicBool = AtomicBool::new(false);
    match told {
        Ok(()) => OUTAGE.store(false, Ordering::Relaxed),
        Err(error) => {
            if !OUTAGE.swap(true, Ordering::Relaxed) {
                tracing::warn!(%error, "what a function has invalidated could not be told to L2");
            }
        }
    }
}
