//! What happened in a run, and whether the promises were kept.
//!
//! Rows only ever grow, and a writer takes note of them after its commit and before it invalidates. Once the invalidation is
//! acknowledged, what is read must not be older than that: here at once, elsewhere after the bound. Who stores a value instead promises
//! the same of that value. What was stored over anything, and not acknowledged, may come at any time: of that nothing is promised.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::plan::{DEGRADED_L1_TTL, LONGEST_TRIP, MAX_STALENESS, Plan};
use super::promise::{Promise, Rollback, Well};

/// The rows of the database, one for each key. The last one's value is made of the first one's too, by a nested cached function.
pub(super) const ROWS: usize = 4;
pub(super) const OUTER: usize = 3;
pub(super) const INNER: usize = 0;

/// Milliseconds since the run began.
pub(super) type Time = u64;

/// What is cached: the number of the key, the version of its row, and for the outer one that of the inner row.
pub(super) type Seen = (u32, u32, u32);

/// Something that happened, to a process (0 is nobody), about a key or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Event {
    at: Time,
    process: u32,
    what: &'static str,
    key: Option<usize>,
    versions: (u32, u32),
}

/// A read under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) process: u32,
    /// When its process was started.
    pub(super) started: Time,
    pub(super) key: usize,
    pub(super) at: Time,
    /// How many promises there were when it began.
    promises: usize,
}

#[derive(Debug)]
pub(super) struct History {
    plan: Plan,
    rows: [u32; ROWS],
    events: Vec<Event>,
    promises: Vec<Promise>,
    /// The last one.
    rollback: Option<Rollback>,
    /// Keys and versions of values that may be stored at any time.
    late: HashSet<(usize, u32)>,
    pub(super) reads: u64,
    pub(super) violation: Option<String>,
    /// The key it was found at.
    violated: usize,
}

impl History {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            rows: [1; ROWS],
            events: Vec::new(),
            promises: Vec::new(),
            rollback: None,
            late: HashSet::new(),
            reads: 0,
            violation: None,
            violated: 0,
        }
    }

    pub(super) fn note(&mut self, at: Time, process: u32, what: &'static str, key: Option<usize>) {
        self.note_versions(at, process, what, key, (0, 0));
    }

    fn note_versions(&mut self, at: Time, process: u32, what: &'static str, key: Option<usize>, versions: (u32, u32)) {
        self.events.push(Event { at, process, what, key, versions });
    }

    pub(super) fn row(&self, key: usize) -> u32 {
        self.rows[key]
    }

    /// Gives the version.
    pub(super) fn commit(&mut self, at: Time, process: u32, key: usize) -> u32 {
        self.rows[key] += 1;
        self.note_versions(at, process, "commits", Some(key), (self.rows[key], 0));
        self.rows[key]
    }

    /// A value is being stored over whatever is there. Until that is acknowledged, it may still come: a write that overlaps with all
    /// that is later.
    pub(super) fn may_come_late(&mut self, key: usize, version: u32) {
        self.late.insert((key, version));
    }

    pub(super) fn comes_no_more(&mut self, key: usize, version: u32) {
        self.late.remove(&(key, version));
    }

    /// What is promised of a key by a write that began at the first of these times, and was acknowledged at the second.
    pub(super) fn acknowledged(
        &mut self,
        (begun, at): (Time, Time),
        process: u32,
        (key, versions): (usize, (u32, u32)),
    ) {
        self.promises.push(Promise::new((key, versions), process, (begun, at), self.rollback));
        self.note_versions(at, process, "has invalidated", Some(key), versions);
    }

    pub(super) fn roll_back(&mut self, rollback: Rollback, processes: &[Well]) {
        self.settle(rollback.at, processes);
        self.promises.iter_mut().for_each(|promise| promise.roll_back(rollback, processes));
        self.rollback = Some(rollback);
    }

    /// Promises in doubt that must have been redone by now hold again.
    pub(super) fn settle(&mut self, now: Time, processes: &[Well]) {
        if self.rollback.is_some() {
            self.promises.iter_mut().for_each(|promise| promise.settle(now, processes));
        }
    }

    pub(super) fn begin_read(&mut self, at: Time, process: u32, started: Time, key: usize) -> Reading {
        self.note(at, process, "begins to read", Some(key));
        Reading { process, started, key, at, promises: self.promises.len() }
    }

    /// Judges what was read. `cut`: L2 did not answer meanwhile.
    pub(super) fn end_read(&mut self, at: Time, reading: Reading, seen: Seen, cut: bool) {
        self.reads += 1;
        self.note_versions(at, reading.process, "reads", Some(reading.key), (seen.1, seen.2));
        if seen.0 as usize != reading.key {
            return self.violate(reading.key, format!("key {} gave a value of key {}", reading.key, seen.0));
        }
        let due = self.promises[..reading.promises].iter().find(|promise| {
            promise.key == reading.key && self.breaks(promise, seen) && self.is_due(promise, &reading, cut)
        });
        if let Some(promise) = due.cloned() {
            let text = format!(
                "process {} reads {:?} at {} ms, though {} had invalidated what is older than {:?} by {} ms",
                reading.process,
                (seen.1, seen.2),
                reading.at,
                promise.by,
                promise.versions,
                promise.at,
            );
            self.violate(reading.key, text);
        }
    }

    /// Judges what L2 holds and everyone would accept.
    pub(super) fn held_in_l2(&mut self, key: usize, seen: Seen) {
        let breaks = |promise: &&Promise| promise.key == key && !promise.is_in_doubt() && self.breaks(promise, seen);
        let older = self.promises.iter().find(breaks);
        if let Some(promise) = older {
            let text = format!(
                "L2 holds {:?}, though {} had invalidated what is older than {:?} by {} ms",
                (seen.1, seen.2),
                promise.by,
                promise.versions,
                promise.at
            );
            self.violate(key, text);
        }
    }

    fn is_due(&self, promise: &Promise, reading: &Reading, cut: bool) -> bool {
        let millis = |bound: std::time::Duration| u64::try_from(bound.as_millis()).unwrap_or(Time::MAX);
        let settled = reading.at >= reading.started + millis(MAX_STALENESS);
        let bound = match () {
            () if promise.by == reading.process => 0,
            () if cut => millis(DEGRADED_L1_TTL),
            () if self.plan.calm && settled => LONGEST_TRIP + 1,
            () => millis(MAX_STALENESS),
        };
        promise.at + bound <= reading.at && !promise.is_in_doubt()
    }

    /// Whether what was seen is older than was promised, and not because it has come late.
    fn breaks(&self, promise: &Promise, seen: Seen) -> bool {
        let is_older = |key, seen, promised| seen < promised && !self.late.contains(&(key, seen));
        is_older(promise.key, seen.1, promise.versions.0) || is_older(INNER, seen.2, promise.versions.1)
    }

    fn violate(&mut self, key: usize, text: String) {
        if self.violation.is_none() {
            self.violation = Some(text);
            self.violated = key;
        }
    }

    pub(super) fn events(&self) -> usize {
        self.events.len()
    }

    /// Equal for equal runs.
    pub(super) fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.events, self.reads).hash(&mut hasher);
        hasher.finish()
    }

    /// Where two runs part.
    pub(super) fn difference(&self, other: &Self) -> String {
        let at = self.events.iter().zip(&other.events).position(|(one, other)| one != other);
        at.map_or_else(|| "one is longer".into(), |at| format!("{}\n{}", self.events[at], other.events[at]))
    }

    /// The plan, what happened to the violated key or to everybody, and what was violated.
    pub(super) fn report(&self) -> String {
        let mut report = format!("{:?}\n", self.plan);
        let concerns =
            |key: usize| self.violation.is_none() || key == self.violated || (self.violated == OUTER && key == INNER);
        for event in self.events.iter().filter(|event| event.key.is_none_or(concerns)) {
            let _ = writeln!(report, "{event}");
        }
        let _ = writeln!(report, "=> {}", self.violation.as_deref().unwrap_or("every promise was kept"));
        report
    }
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>6} ms  {}: {}", self.at, self.process, self.what)?;
        if let Some(key) = self.key {
            write!(f, ", key {key}")?;
        }
        if self.versions != (0, 0) {
            write!(f, ", {:?}", self.versions)?;
        }
        Ok(())
    }
}
