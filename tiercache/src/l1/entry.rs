//! An entry of L1: a typed value, and all that decides whether it may still be served.

use std::any::Any;
use std::fmt;
use std::mem::size_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{
    AtomicU8,
    Ordering::{AcqRel, Relaxed},
};
use std::time::Duration;

use crate::stats::{Counters, Event};
use crate::time::{Moment, Movable, Proof};

use super::tags::{Slot, TagTable, Tagged};

/// What an entry costs beside its value and key: the entry's own fields, two reference counts, the engine's node.
const OVERHEAD: usize = 192;

/// The marks an entry carries from before its load began; a moved one makes it stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Of the whole cache: moved by `clear()`.
    pub(crate) epoch: u32,
    /// Of the prefix: moved by `invalidate_prefix()`.
    pub(crate) generation: u32,
}

/// What an entry takes over from the begin of its load.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) marks: Marks,
    pub(crate) proved: Proof,
    pub(crate) tags: Option<Box<Tagged>>,
}

/// When an entry ends, in steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    /// Until when it is served from memory.
    pub(crate) expires: Moment,
    /// From when on it may be time to refresh it.
    pub(crate) due: Moment,
    /// Until when its value counts as fresh, wherever it is.
    pub(crate) soft: Moment,
    /// Until when it is kept, for when a stale value is better than none.
    pub(crate) hard: Moment,
    /// How long its load took, in microseconds.
    pub(crate) load_us: u32,
    /// Its load used a stale value.
    pub(crate) rests_on_stale: bool,
}

impl From<Moment> for Deadlines {
    fn from(end: Moment) -> Self {
        Self { expires: end, due: end, soft: end, hard: end, load_us: 0, rests_on_stale: false }
    }
}

/// The deadlines of an entry as they run: when it is due moves, if its refreshes fail.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) expires: Moment,
    pub(crate) soft: Moment,
    pub(crate) hard: Moment,
    due: Movable,
    pub(crate) load_us: u32,
    pub(crate) rests_on_stale: bool,
    /// Refreshes that have begun, as far as they count.
    tried: AtomicU8,
}

/// After a refresh that has failed, the next one waits for this long; after each one more, twice as long, up to the longest pause.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// As often as the pause can grow.
const MOST_TRIED: u8 = 5;

impl From<Deadlines> for Running {
    fn from(deadlines: Deadlines) -> Self {
        let Deadlines { expires, due, soft, hard, load_us, rests_on_stale } = deadlines;
        Self { expires, soft, hard, due: due.into(), load_us, rests_on_stale, tried: AtomicU8::new(0) }
    }
}

impl Running {
    /// From when on it may be time to refresh it.
    #[inline]
    pub(crate) fn due(&self) -> Moment {
        self.due.get()
    }

    /// A refresh has ended at `now`, and this is still the entry: it has failed.
    pub(crate) fn put_off(&self, now: Moment) {
        let tried = self.tried.load(Relaxed);
        self.tried.store((tried + 1).min(MOST_TRIED), Relaxed);
        self.due.put(now.after((FIRST_PAUSE * (1 << tried)).min(LONGEST_PAUSE)));
    }
}

/// A value with its deadlines and marks. Only here is it decided whether an entry is fresh.
pub(crate) struct Entry<V: ?Sized = dyn Any + Send + Sync> {
    deadlines: Running,
    marks: Marks,
    proved: Proof,
    /// Few entries have any: the others pay a pointer and a look at it.
    tags: Option<Box<Tagged>>,
    place: Place,
    value: V,
}

/// An entry of any type: what engines hold.
pub(crate) type AnyEntry = Entry<dyn Any + Send + Sync>;

/// What is kept, with a drop that never panics: an engine drops values inside its own bookkeeping, which a panic would leave half done
/// (mini-moka's would never run again, and its writers wait for it for ever).
struct Kept<T>(Option<T>);

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        // The panic has been printed where it happened. Nobody is here who could do anything about it.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
    }
}

impl AnyEntry {
    /// An entry for `value`, whose encoded form has `encoded` bytes. `None` is a kept absence.
    pub(crate) fn new<T: Send + Sync + 'static>(
        value: Option<T>,
        deadlines: impl Into<Deadlines>,
        origin: Origin,
        encoded: usize,
        counters: &Arc<Counters>,
    ) -> Arc<Self> {
        let Origin { marks, proved, tags } = origin;
        let bytes = encoded + size_of::<Option<T>>() + OVERHEAD + tags.as_ref().map_or(0, |tags| tags.bytes());
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let place = Place { counters: Arc::clone(counters), bytes, state: AtomicU8::new(OUTSIDE) };
        Arc::new(Entry { deadlines: deadlines.into().into(), marks, proved, tags, place, value: Kept(value) })
    }

    /// Whether it may be served: its life has not run out, neither mark has moved, and no tag was invalidated.
    #[inline]
    pub(crate) fn is_fresh(&self, now: Moment, marks: Marks, tags: &TagTable) -> bool {
        now < self.deadlines.expires && self.holds(marks, tags)
    }

    /// Whether it may be served for want of a fresh one: it was kept for that, not for more than `window` past its life, neither mark
    /// has moved, and no tag was invalidated.
    pub(crate) fn is_kept(&self, now: Moment, marks: Marks, tags: &TagTable, window: Duration) -> bool {
        let Running { soft, hard, .. } = self.deadlines;
        now < hard.min(soft.after(window)) && self.holds(marks, tags)
    }

    #[inline]
    fn holds(&self, marks: Marks, tags: &TagTable) -> bool {
        self.marks == marks && self.holds_by_tags(tags)
    }

    /// Whether none of its tags was invalidated since its load began.
    #[inline]
    pub(crate) fn holds_by_tags(&self, tags: &TagTable) -> bool {
        self.tags.as_ref().is_none_or(|own| own.holds(tags))
    }

    /// Whether these are its tags, all of them.
    pub(crate) fn has_tags(&self, tags: impl Iterator<Item = Slot>) -> bool {
        tags.eq(self.tags.iter().flat_map(|own| own.slots()))
    }

    /// Whether one of its tags may have been invalidated after its load began, and before there had been `until` invalidations.
    pub(crate) fn fell_before(&self, until: u64, tags: &TagTable) -> bool {
        self.tags.as_ref().is_some_and(|own| own.fell_before(until, tags))
    }

    #[inline]
    pub(crate) fn deadlines(&self) -> &Running {
        &self.deadlines
    }

    /// When it was true: the begin of its load, or of the read that found it in L2.
    #[inline]
    pub(crate) fn proved(&self) -> Proof {
        self.proved
    }

    /// The value, if it is a `T`.
    #[inline]
    pub(crate) fn value<T: 'static>(&self) -> Option<&Option<T>> {
        self.value.downcast_ref::<Kept<T>>().map(|kept| &kept.0)
    }

    /// The bytes this entry is counted as.
    pub(crate) fn bytes(&self) -> usize {
        self.place.bytes as usize
    }

    /// Counted as held, from now on until it is dropped.
    pub(super) fn admit(&self) {
        if self.place.state.swap(HELD, AcqRel) == OUTSIDE {
            self.place.counters.hold(1, self.place.counted_bytes());
        }
    }

    /// Taken out on purpose: its drop is no eviction.
    pub(super) fn release(&self) {
        self.place.leave();
    }
}

impl<V: ?Sized> fmt::Debug for Entry<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("deadlines", &self.deadlines).field("marks", &self.marks).finish_non_exhaustive()
    }
}

const OUTSIDE: u8 = 0;
const HELD: u8 = 1;
const RELEASED: u8 = 2;

/// Where the entry is: keeps the gauges right whichever way it leaves.
struct Place {
    counters: Arc<Counters>,
    /// In 32 bits, because a hit reads every line of an entry; more than 4 GiB are counted as 4 GiB.
    bytes: u32,
    state: AtomicU8,
}

impl Place {
    fn counted_bytes(&self) -> i64 {
        i64::from(self.bytes)
    }

    /// Whether it was held until now.
    fn leave(&self) -> bool {
        let held = self.state.swap(RELEASED, AcqRel) == HELD;
        if held {
            self.counters.hold(-1, -self.counted_bytes());
        }
        held
    }
}

/// Finds evictions, which one engine does not tell.
impl<V: ?Sized> Drop for Entry<V> {
    fn drop(&mut self) {
        if self.place.leave() && Moment::now() < self.deadlines.expires {
            self.place.counters.count(Event::Eviction);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_no_larger_for_what_its_refreshes_need() {
        assert!(size_of::<Running>() <= size_of::<Deadlines>());
    }

    #[test]
    fn the_pause_after_failed_refreshes_doubles_up_to_the_longest() {
        let (begun, secs) = (Moment::now(), Duration::from_secs);
        let running = Running::from(Deadlines::from(begun));
        assert_eq!(running.due(), begun);
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            running.put_off(begun.after(secs(100)));
            assert_eq!(running.due(), begun.after(secs(100 + pause)));
        }
    }
}
