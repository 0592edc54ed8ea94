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

/// All writes of a run, and who was cut off when.
#[derive(Debug, Default)]
pub struct History {
    keys: HashMap<u32, Writes>,
    cut_off: HashMap<usize, Vec<(u64, u64)>>,
    operations: u64,
}

/// The writes of one key.
#[derive(Debug, Default)]
struct Writes {
    /// When each version's write began.
    begun: HashMap<u64, u64>,
    all: Ended,
    by_instance: HashMap<usize, Ended>,
}

/// Writes that ended: (end, highest version that ended by then), by end, once [`Ended::sort`] has run.
#[derive(Debug, Default)]
struct Ended(Vec<(u64, u64)>);

impl Ended {
    fn sort(&mut self) {
        self.0.sort_unstable();
        let mut highest = 0;
        for (_, version) in &mut self.0 {
            highest = highest.max(*version);
            *version = highest;
        }
    }

    /// The highest version that ended before `time`.
    fn before(&self, time: u64) -> u64 {
        let ended = self.0.partition_point(|(end, _)| *end < time);
        if ended == 0 { 0 } else { self.0[ended - 1].1 }
    }

    /// When the first write newer than `version` ended.
    fn superseded(&self, version: u64) -> Option<u64> {
        let newer = self.0.partition_point(|(_, highest)| *highest <= version);
        self.0.get(newer).map(|(end, _)| *end)
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
                    writes.all.0.push((end, version));
                    writes.by_instance.entry(instance).or_default().0.push((end, version));
                }
            }
        }
    }

    /// Nothing more is to be added: begins the judgement.
    pub fn closed(mut self, bounds: Bounds) -> Verdict {
        for writes in self.keys.values_mut() {
            writes.all.sort();
            writes.by_instance.values_mut().for_each(Ended::sort);
        }
        let (operations, violations, staleness) = (self.operations, Vec::new(), Vec::new());
        Verdict { history: self, bounds, operations, reads: 0, degraded: 0, violated: 0, violations, staleness }
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
        let own = writes.and_then(|writes| writes.by_instance.get(&instance)).map_or(0, |own| own.before(begin));
        let mut bound = self.bounds.max_staleness;
        if stale > as_nanos(bound) && self.history.was_cut_off(instance, begin, end) {
            self.degraded += 1;
            bound = self.bounds.cut_off;
        }
        let others = writes.map_or(0, |writes| writes.all.before(begin.saturating_sub(as_nanos(bound))));
        let at_least = own.max(others);
        if committed && version >= at_least {
            return;
        }
        self.violated += 1;
        if self.violations.len() < KEPT {
            let (at_least, stale) = (if committed { at_least } else { 0 }, Duration::from_nanos(stale));
            let own = version < own;
            self.violations.push(Violation { instance, key, version, at_least, begin, end, stale, own });
        }
    }

    /// How many reads were judged.
    pub fn reads(&self) -> u64 {
        self.reads
    }

    /// How many reads were illegal.
    pub fn violated(&self) -> u64 {
        self.violated
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
        writeln!(f, "violations          {:>12}", self.violated)?;
        writeln!(f, "worst staleness     {:>12.1?}", self.worst())?;
        writeln!(f, "median of the stale {:>12.1?}", self.median())?;
        for violation in &self.violations {
            writeln!(f, "{violation:?}")?;
        }
        Ok(())
    }
}
