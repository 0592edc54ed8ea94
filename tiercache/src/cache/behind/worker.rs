//! Takes what is queued to L2.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Instant;

use futures_util::future::join_all;

use crate::coherence::lease::fill_many;
use crate::guard::Guard;
use crate::stats::{Event, Timed};

use super::queue::Outlet;
use super::{Inner, Queued, Target};

/// Stores what comes, a batch at a time, for as long as the cache lives.
pub(super) async fn run(cache: Weak<Inner>, guard: Guard, mut outlet: Outlet<Queued>) {
    while let Some(mut batch) = outlet.batch().await {
        let Some(inner) = cache.upgrade() else { return };
        let queued = std::mem::take(&mut batch.values);
        if inner.behind.ending.load(Ordering::Acquire) {
            inner.give_up(queued).await;
        } else {
            inner.store_queued(&guard, queued).await;
        }
        batch.done();
    }
}

impl Inner {
    async fn store_queued(&self, guard: &Guard, queued: Vec<Queued>) {
        // Nothing is stored of what L2 has yet to be told to remove: without being stored, a lease is given back.
        let valid = queued.into_iter().filter(|Queued { target, .. }| {
            let Target { region, digest, tags, .. } = target;
            !self.owes(digest, &region.prefix, tags.hashes())
        });
        let (targets, fillings): (Vec<_>, Vec<_>) = valid.map(|Queued { target, filling }| (target, filling)).unzip();
        if fillings.is_empty() {
            return;
        }
        let started = Instant::now();
        let filled = fill_many(guard, fillings).await;
        for (target, filled) in targets.iter().zip(filled) {
            target.region.counters.time(Timed::L2Write, started.elapsed());
            match filled {
                Some(true) => {}
                Some(false) => target.forget(),
                None => self.count_given_up(target),
            }
        }
    }

    /// Stores nothing, and lets others load.
    async fn give_up(&self, queued: Vec<Queued>) {
        for Queued { target, .. } in &queued {
            self.count_given_up(target);
        }
        join_all(queued.into_iter().map(|queued| queued.filling.give_up())).await;
    }

    fn count_given_up(&self, target: &Target) {
        target.region.counters.count(Event::StoreFailed);
        self.behind.given_up.fetch_add(1, Ordering::Relaxed);
    }
}

impl Target {
    /// The key was invalidated, or written, before its value was stored: memory is not to keep that value. What else it may have by now is
    /// newer.
    fn forget(&self) {
        let l1 = &self.region.named.l1;
        let (own, held) = (self.entry.upgrade(), l1.get(&self.digest));
        if own.zip(held).is_some_and(|(own, held)| Arc::ptr_eq(&own, &held)) {
            l1.remove(&self.digest);
        }
    }
}
