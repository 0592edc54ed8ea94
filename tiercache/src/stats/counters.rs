//! Counters that many cores can count on: striped, a cache line apart, summed when read.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use histogram::{AtomicHistogram32, Histogram32};

/// What is counted. A request ends in exactly one of the first seven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    L1Hit,
    L2Hit,
    Led,
    Joined,
    Stale,
    Bypassed,
    Abandoned,
    LoadError,
    Store,
    StoreFailed,
    Invalidation,
    Eviction,
}

const EVENTS: usize = Event::Eviction as usize + 1;
const STRIPES: usize = 16;

/// What is timed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Timed {
    L2Read,
    L2Write,
    Load,
}

const TIMED: usize = Timed::Load as usize + 1;

// Microseconds with an error of at most 1/16, up to 2^36 µs (19 hours).
const GROUPING_POWER: u8 = 4;
const MAX_VALUE_POWER: u8 = 36;

#[derive(Default)]
#[repr(align(128))]
struct Stripe([AtomicU64; EVENTS]);

/// The counters of one region.
pub(crate) struct Counters {
    stripes: [Stripe; STRIPES],
    entries: AtomicI64,
    bytes: AtomicI64,
    latencies: [AtomicHistogram32; TIMED],
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            stripes: Default::default(),
            entries: AtomicI64::new(0),
            bytes: AtomicI64::new(0),
            latencies: std::array::from_fn(|_| new_histogram()),
        }
    }

    #[inline]
    pub(crate) fn count(&self, event: Event) {
        self.stripes[stripe()].0[event as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self, event: Event) -> u64 {
        self.stripes.iter().map(|stripe| stripe.0[event as usize].load(Relaxed)).sum()
    }

    /// Adds to what L1 holds: `entries` and `bytes` may be negative.
    pub(crate) fn hold(&self, entries: i64, bytes: i64) {
        self.entries.fetch_add(entries, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// Entries and bytes in L1 now.
    pub(crate) fn held(&self) -> (u64, u64) {
        let read = |gauge: &AtomicI64| u64::try_from(gauge.load(Relaxed)).unwrap_or(0);
        (read(&self.entries), read(&self.bytes))
    }

    pub(crate) fn time(&self, what: Timed, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).min((1 << MAX_VALUE_POWER) - 1);
        let counted = self.latencies[what as usize].increment(micros);
        debug_assert!(counted.is_ok(), "clamped to the histogram's range");
    }

    pub(crate) fn latency(&self, what: Timed) -> Histogram32 {
        self.latencies[what as usize].load()
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counters").finish_non_exhaustive()
    }
}

fn new_histogram() -> AtomicHistogram32 {
    AtomicHistogram32::new(GROUPING_POWER, MAX_VALUE_POWER).expect("the two powers are constants in range")
}

/// This thread's stripe.
#[inline]
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    MINE.with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(NEXT.fetch_add(1, Relaxed) % STRIPES);
        }
        mine.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_many_threads_add_up() {
        let counters = Counters::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..1_000).for_each(|_| counters.count(Event::L1Hit)));
            }
        });
        assert_eq!(counters.read(Event::L1Hit), 8_000);
        assert_eq!(counters.read(Event::L2Hit), 0);
    }

    #[test]
    fn a_latency_out_of_range_is_clamped() {
        let counters = Counters::new();
        counters.time(Timed::Load, Duration::MAX);
        counters.time(Timed::Load, Duration::ZERO);
        assert_eq!(counters.latency(Timed::Load).as_slice().iter().sum::<u32>(), 2);
    }
}
