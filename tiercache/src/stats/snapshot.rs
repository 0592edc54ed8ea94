//! What [`Cache::stats`](crate::Cache::stats) gives: plain numbers, at one moment, to serialize or to compare.

use std::collections::BTreeMap;
use std::time::Duration;

use histogram::Histogram32;
use serde::Serialize;

use super::{Counters, Event, Timed};

/// A snapshot of what a cache has done since it was built.
///
/// Every request that has ended is counted in exactly one of `l1_hits`, `l2_hits`, `loads_led`, `joined`, `stale`,
/// `bypassed` and `abandoned`; [`Counts::requests`] is their sum. The numbers are read one after the other while others go on
/// counting, so two of them may be apart by the calls in flight.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// All calls.
    pub total: Counts,
    /// By named cache; the default one is `default`.
    pub caches: BTreeMap<String, Counts>,
    /// By prefix.
    pub prefixes: BTreeMap<String, Counts>,
    /// By identity of the cached function.
    pub functions: BTreeMap<String, Counts>,
    /// What was done about trouble of L2.
    pub l2: L2Counts,
    /// Operations of L2 that failed, by [`ErrorKind`](crate::ErrorKind).
    pub l2_errors: BTreeMap<&'static str, u64>,
    /// Stored bytes that were not accepted (each a miss, overwritten by the load after it), by reason.
    pub rejected: BTreeMap<&'static str, u64>,
}

/// What was done about trouble of L2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct L2Counts {
    /// Whether it is left alone now, as it has failed.
    pub is_open: bool,
    /// Times that it had failed so often that it was not asked any more for a while.
    pub breaker_opened: u64,
    /// Operations that were repeated.
    pub retries: u64,
    /// Writes that were not even tried, as it was out of memory.
    pub writes_skipped: u64,
    /// Messages of other instances that could not be understood: each has made everything in memory stale.
    pub unknown_news: u64,
    /// Invalidations that it has not been told of yet, now: keys and groups.
    pub pending_invalidations: u64,
    /// Values in the queue of [`WriteMode::Behind`](crate::WriteMode::Behind), now.
    pub queued_writes: u64,
    /// Values that were queued and that it has not taken: it failed, or the cache was closed. Those that were invalidated meanwhile are
    /// not counted.
    pub writes_given_up: u64,
    /// Values that found the queue full, and were written through instead.
    pub writes_not_queued: u64,
    /// Entries that were invalidated as members of a group, and that this instance has removed: see
    /// [`CacheBuilder::reclaim`](crate::CacheBuilder::reclaim).
    pub reclaimed: u64,
}

/// The numbers of one cache, prefix or function.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Calls that have ended.
    pub requests: u64,
    /// Answered from memory.
    pub l1_hits: u64,
    /// Answered from the shared tier.
    pub l2_hits: u64,
    /// Ran the body.
    pub loads_led: u64,
    /// Waited for another caller's load.
    pub joined: u64,
    /// Answered with a value past its life.
    pub stale: u64,
    /// Ran the body with the cache left out.
    pub bypassed: u64,
    /// Dropped by the caller before the answer.
    pub abandoned: u64,
    /// Bodies that failed.
    pub load_errors: u64,
    /// Values stored.
    pub stores: u64,
    /// Values that L2 did not take.
    pub store_failures: u64,
    /// Invalidations of single keys.
    pub invalidations: u64,
    /// Entries that L1 dropped for want of room.
    pub evictions: u64,
    /// Entries in L1 now.
    pub l1_entries: u64,
    /// Bytes of them, each counted as its encoded length + `size_of` its type + overhead.
    pub l1_bytes: u64,
    /// Reads of L2.
    pub l2_reads: Latency,
    /// Writes to L2.
    pub l2_writes: Latency,
    /// Runs of the body.
    pub loads: Latency,
}

/// How many, and how long they took; quantiles are exact to 1/16.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Latency {
    /// How many were timed.
    pub count: u64,
    /// The median.
    pub p50: Duration,
    /// 95 of 100 took no longer.
    pub p95: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
}

impl Counts {
    /// Requests that neither tier could answer.
    pub fn misses(&self) -> u64 {
        self.loads_led + self.joined
    }

    /// The share of requests answered by a tier, 0 to 1; those that bypassed the cache are not requests of it.
    pub fn hit_ratio(&self) -> f64 {
        ratio(self.l1_hits + self.l2_hits + self.stale, self.requests - self.bypassed)
    }

    /// The share of requests answered from memory, 0 to 1.
    pub fn l1_hit_ratio(&self) -> f64 {
        ratio(self.l1_hits, self.requests - self.bypassed)
    }

    /// The share of bodies that failed, 0 to 1.
    pub fn load_error_ratio(&self) -> f64 {
        ratio(self.load_errors, self.loads.count)
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Adds up the counters of several regions.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Counts,
    latencies: [Option<Histogram32>; 3],
}

impl Tally {
    pub(crate) fn add(&mut self, counters: &Counters) {
        let counts = &mut self.counts;
        let (entries, bytes) = counters.held();
        counts.l1_hits += counters.read(Event::L1Hit);
        counts.l2_hits += counters.read(Event::L2Hit);
        counts.loads_led += counters.read(Event::Led);
        counts.joined += counters.read(Event::Joined);
        counts.stale += counters.read(Event::Stale);
        counts.bypassed += counters.read(Event::Bypassed);
        counts.abandoned += counters.read(Event::Abandoned);
        counts.load_errors += counters.read(Event::LoadError);
        counts.stores += counters.read(Event::Store);
        counts.store_failures += counters.read(Event::StoreFailed);
        counts.invalidations += counters.read(Event::Invalidation);
        counts.evictions += counters.read(Event::Eviction);
        counts.l1_entries += entries;
        counts.l1_bytes += bytes;
        for (sum, what) in self.latencies.iter_mut().zip([Timed::L2Read, Timed::L2Write, Timed::Load]) {
            let more = counters.latency(what);
            *sum = Some(sum.take().and_then(|sum| sum.wrapping_add(&more).ok()).unwrap_or(more));
        }
    }

    pub(crate) fn counts(mut self) -> Counts {
        let counts = &mut self.counts;
        counts.requests = counts.l1_hits
            + counts.l2_hits
            + counts.loads_led
            + counts.joined
            + counts.stale
            + counts.bypassed
            + counts.abandoned;
        let [l2_reads, l2_writes, loads] = self.latencies.map(|sum| sum.map(|sum| latency(&sum)).unwrap_or_default());
        Counts { l2_reads, l2_writes, loads, ..self.counts }
    }
}

fn latency(histogram: &Histogram32) -> Latency {
    let at = |quantile| {
        let bucket = histogram.quantile_bucket(quantile).ok().flatten();
        Duration::from_micros(bucket.map_or(0, |bucket| bucket.end()))
    };
    let count = histogram.as_slice().iter().map(|&count| u64::from(count)).sum();
    Latency { count, p50: at(0.50), p95: at(0.95), p99: at(0.99) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_two_regions_add_up() {
        let (one, two) = (Counters::new(), Counters::new());
        one.count(Event::L1Hit);
        one.count(Event::Led);
        two.count(Event::L1Hit);
        two.count(Event::Bypassed);
        one.time(Timed::Load, Duration::from_millis(1));
        two.time(Timed::Load, Duration::from_millis(100));
        let mut tally = Tally::default();
        tally.add(&one);
        tally.add(&two);
        let counts = tally.counts();
        assert_eq!((counts.requests, counts.l1_hits, counts.misses()), (4, 2, 1));
        assert!((counts.hit_ratio() - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(counts.loads.count, 2);
        let near = |got: Duration, want: u64| got.as_micros().abs_diff(want.into()) <= u128::from(want / 16);
        assert!(near(counts.loads.p50, 1_000) && near(counts.loads.p99, 100_000), "{:?}", counts.loads);
    }

    #[test]
    fn ratios_of_nothing_are_zero() {
        assert!(Counts::default().hit_ratio().abs() < f64::EPSILON);
    }
}
