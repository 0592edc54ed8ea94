//! The judgement: all writes are known first, then each read is judged by itself.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use super::record::Record;

/// Violations that are kept whole; more are counted only.
const KEPT: usize = 20;

/// How long an instance may serve what another one has invalidated.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// While it reaches L2.
    pub max_staleness: Duration,
    /// The same while it is cut off from L2.
    pub cut_off: Duration,
}

/// All writes of a run, who was cut off when, and when Redis may have lost what it had acknowledged.
#[derive(Debug, Default)]
pub struct History {
    keys: HashMap<u32, Writes>,
    cut_off: HashMap<usize, Vec<(u64, u64)>>,
    rollbacks: Vec<Rollback>,
    operations: u64,
}

/// What was acknowledged from `begin` to `end` may be lost, and holds again at `over`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rollback {
    /// The first moment in which something may have been acknowledged that was lost.
    pub begin: u64,
    /// The last one.
    pub end: u64,
    /// When all of it holds again.
    pub over: u64,
}

impl Rollback {
    /// When what was acknowledged at `time` holds for good, as far as this goes.
    fn holds_from(self, time: u64) -> u64 {
        if (self.begin..=self.end).contains(&time) { self.over } else { time }
    }
}

/// The writes of one key.
#[derive(Debug, Default)]
struct Writes {
    /// When each version's write began.
    begun: HashMap<u64, u64>,
    all: Ended,
    by_instance: HashMap<usize, Ended>,
}

/// Writes that ended, as (end, version); once [`Ended::sort`] has run: (end, highest version that ended by then), by end.
#[derive(Debug, Default)]
struct Ended {
    acknowledged: Vec<(u64, u64)>,
    /// The same, where those within a rollback end when that is over.
    kept: Vec<(u64, u64)>,
}

impl Ended {
    /// `rollbacks` are in their order.
    fn sort(&mut self, rollbacks: &[Rollback]) {
        let kept = |end| rollbacks.iter().fold(end, |end, rollback| rollback.holds_from(end));
        self.kept = self.acknowledged.iter().map(|(end, version)| (kept(*end), *version)).collect();
        for ends in [&mut self.acknowledged, &mut self.kept] {
            ends.sort_unstable();
            let mut highest = 0;
            for (_, version) in ends {
                highest = highest.max(*version);
                *version = highest;
            }
        }
    }

    /// The highest version that ended before `time`, strictly and with rollbacks heeded.
    fn before(&self, time: u64) -> Floor {
        let highest = |ends: &[(u64, u64)]| {
            let ended = ends.partition_point(|(end, _)| *end < time);
            if ended == 0 { 0 } else { ends[ended - 1].1 }
        };
        Floor { acknowledged: highest(&self.acknowledged), kept: highest(&self.kept) }
    }

    /// When the first write newer than `version` ended.
    fn superseded(&self, version: u64) -> Option<u64> {
        let newer = self.acknowledged.partition_point(|(_, highest)| *highest <= version);
        self.acknowledged.get(newer).map(|(end, _)| *end)
    }
}

/// What a read has to give at least.
#[derive(Clone, Copy, Debug, Default)]
struct Floor {
    /// If Redis loses nothing.
    acknowledged: u64,
    /// As it may have lost something.
    kept: u64,
}

impl Floor {
    fn max(self, other: Self) -> Self {
        Self { acknowledged: self.acknowledged.max(other.acknowledged), kept: self.kept.max(other.kept) }
    }
}

impl History {
    /// Takes in what `instance` wrote, and when it was cut off. Reads are left for [`History::judge`].
    pub fn add(&mut self, instance: usize, record: Record) {
        match record {
            Record::Read { .. } => {}
            Record::CutOff { begin, end } => self.cut_off.entry(instance).or_default().push((begin, end)),
            Record::Write { key, version, begin, end } => {
                self.operations += 1;
                let writes = self.keys.entry(key).or_default();
                writes.begun.insert(version, begin);
                if let Some(end) = end {
                    writes.all.acknowledged.push((end, version));
                    writes.by_instance.entry(instance).or_default().acknowledged.push((end, version));
                }
            }
        }
    }

    /// Redis may have lost something.
    pub fn add_rollback(&mut self, rollback: Rollback) {
        self.rollbacks.push(rollback);
    }

    /// Judges all that befell, once nothing more is to be added.
    pub fn judged(mut self, records: &[(usize, Record)], bounds: Bounds) -> Verdict {
        for (instance, record) in records {
            self.add(*instance, *record);
        }
        let mut verdict = self.closed(bounds);
        for (instance, record) in records {
            verdict.judge(*instance, *record);
        }
        verdict
    }

    /// Nothing more is to be added: begins the judgement.
    pub fn closed(mut self, bounds: Bounds) -> Verdict {
        self.rollbacks.sort_unstable();
        for writes in self.keys.values_mut() {
            writes.all.sort(&self.rollbacks);
            writes.by_instance.values_mut().for_each(|own| own.sort(&self.rollbacks));
        }
        let (operations, violations, staleness) = (self.operations, Vec::new(), Vec::new());
        Verdict {
            history: self,
            bounds,
            operations,
            reads: 0,
            degraded: 0,
            widely: 0,
            violated: 0,
            violations,
            staleness,
        }
    }

    fn was_cut_off(&self, instance: usize, begin: u64, end: u64) -> bool {
        let windows = self.cut_off.get(&instance);
        windows.is_some_and(|windows| windows.iter().any(|window| window.0 <= end && begin <= window.1))
    }
}

/// What is wrong with a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Who read.
    pub instance: usize,
    /// What was read.
    pub key: u32,
    /// The version that the read gave.
    pub version: u64,
    /// What it had to be at least; 0 if it was never committed before the read ended.
    pub at_least: u64,
    /// When the read began.
    pub begin: u64,
    /// When the read ended.
    pub end: u64,
    /// How long before the read's begin a newer version's write had ended.
    pub stale: Duration,
    /// Whether the newer version was this instance's own.
    pub own: bool,
}

/// The reads judged so far.
#[derive(Debug)]
pub struct Verdict {
    history: History,
    bounds: Bounds,
    operations: u64,
    reads: u64,
    degraded: u64,
    widely: u64,
    violated: u64,
    violations: Vec<Violation>,
    staleness: Vec<u64>,
}

impl Verdict {
    /// Judges a read of `instance`; other records are passed over.
    pub fn judge(&mut self, instance: usize, record: Record) {
        let Record::Read { key, version, source: _, begin, end } = record else { return };
        self.operations += 1;
        self.reads += 1;
        let writes = self.history.keys.get(&key);
        let committed = version == 0
            || writes.and_then(|writes| writes.begun.get(&version)).is_some_and(|committed| *committed <= end);
        let stale = writes.map_or(0, |writes| begin.saturating_sub(writes.all.superseded(version).unwrap_or(begin)));
        if stale > 0 {
            self.staleness.push(stale);
        }
        let own = writes
            .and_then(|writes| writes.by_instance.get(&instance))
            .map_or(Floor::default(), |own| own.before(begin));
        let mut bound = self.bounds.max_staleness;
        if stale > as_nanos(bound) && self.history.was_cut_off(instance, begin, end) {
            self.degraded += 1;
            bound = self.bounds.cut_off;
        }
        let others = begin.saturating_sub(as_nanos(bound));
        let at_least = writes.map_or(own, |writes| writes.all.before(others).max(own));
        if committed && version >= at_least.kept {
            self.widely += u64::from(version < at_least.acknowledged);
            return;
        }
        self.violated += 1;
        if self.violations.len() < KEPT {
            let (at_least, stale) = (if committed { at_least.kept } else { 0 }, Duration::from_nanos(stale));
            let own = version < own.kept;
            self.violations.push(Violation { instance, key, version, at_least, begin, end, stale, own });
        }
    }

    /// How many operations there were, reads and writes.
    pub fn operations(&self) -> u64 {
        self.operations
    }

    /// How many reads were judged.
    pub fn reads(&self) -> u64 {
        self.reads
    }

    /// How many reads were illegal.
    pub fn violated(&self) -> u64 {
        self.violated
    }

    /// How many reads are legal only because a rollback is heeded.
    pub fn widely(&self) -> u64 {
        self.widely
    }

    /// How many reads of an instance that was cut off were older than `max_staleness`.
    pub fn degraded(&self) -> u64 {
        self.degraded
    }

    /// How many reads gave another version than the latest one.
    pub fn stale(&self) -> usize {
        self.staleness.len()
    }

    /// The first illegal reads.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How long after the end of a newer version's write the stalest read began.
    pub fn worst(&self) -> Duration {
        Duration::from_nanos(self.staleness.iter().copied().max().unwrap_or(0))
    }

    /// The median of those reads that were stale.
    pub fn median(&self) -> Duration {
        let mut sorted = self.staleness.clone();
        sorted.sort_unstable();
        Duration::from_nanos(sorted.get(sorted.len() / 2).copied().unwrap_or(0))
    }
}

fn as_nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "operations          {:>12}", self.operations)?;
        writeln!(f, "reads               {:>12}", self.reads)?;
        writeln!(f, "  of them stale     {:>12}", self.staleness.len())?;
        writeln!(f, "  bound by cut-off  {:>12}", self.degraded)?;
        writeln!(f, "  by a rollback     {:>12}", self.widely)?;
        writeln!(f, "violations          {:>12}", self.violated)?;
        writeln!(f, "worst staleness     {:>12.1?}", self.worst())?;
        writeln!(f, "median of the stale {:>12.1?}", self.median())?;
        for violation in &self.violations {
            writeln!(f, "{violation:?}")?;
        }
        Ok(())
    }
}
