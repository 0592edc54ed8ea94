//! What the processes of a long run occupy, looked at from outside: it may not grow.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Pid;
use tiercache_tests::history::nanos;
use tokio::time::sleep;

use super::progress::Progress;
use super::worker;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// With fewer looks than that there is no trend to be seen.
const TREND: usize = 40;

/// What a process occupies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) kib: u64,
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
    /// Of the instance's runtime and the cache's, as it says itself.
    pub(crate) tasks: u64,
}

/// One of the numbers of a sample.
type Of = fn(&Sample) -> u64;

/// All samples, by instance.
#[derive(Debug)]
pub(crate) struct Watched(Vec<Vec<Sample>>);

/// Looks at the processes until shortly before the run ends, and shows how it goes.
pub(crate) async fn watch(processes: &[Pid], folder: &Path, until: u64) -> Watched {
    let mut watched = Watched(vec![Vec::new(); processes.len()]);
    let (begun, last) = (nanos(), until.saturating_sub(1_000_000_000));
    let mut progress = Progress::new(until - begun);
    loop {
        sleep(LOOK).await;
        if nanos() >= last {
            return watched;
        }
        for (instance, samples) in watched.0.iter_mut().enumerate() {
            samples.extend(sample(processes[instance], &worker::tasks(folder, instance)));
        }
        progress.show(nanos() - begun, &watched.now());
    }
}

/// `None` for a process that has ended.
fn sample(process: Pid, tasks: &Path) -> Option<Sample> {
    let of = |name: &str| format!("/proc/{}/{name}", process.as_raw_nonzero());
    let status = fs::read_to_string(of("status")).ok()?;
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let descriptors = fs::read_dir(of("fd")).ok()?.count() as u64;
    // It may be writing it just now.
    let tasks = fs::read_to_string(tasks).ok()?.parse().ok()?;
    Some(Sample { kib: number("VmRSS:")?, descriptors, threads: number("Threads:")?, tasks })
}

impl Watched {
    fn now(&self) -> String {
        let latest = self.0.iter().filter_map(|samples| samples.last());
        let shown = latest.map(|Sample { kib, descriptors, threads, tasks }| {
            format!("{} MiB, {descriptors} fds, {threads} threads, {tasks} tasks", kib / 1024)
        });
        shown.collect::<Vec<_>>().join("; ")
    }

    /// The first sample and the last one of what has most of it, in all instances.
    pub(crate) fn first_and_last(&self, of: Of) -> (u64, u64) {
        let most =
            |pick: fn(&[Sample]) -> Option<&Sample>| self.0.iter().filter_map(|samples| pick(samples)).map(of).max();
        (most(<[Sample]>::first).unwrap_or_default(), most(<[Sample]>::last).unwrap_or_default())
    }

    /// The instances that occupy more at the end than early on, and what.
    pub(crate) fn growing(&self) -> Vec<String> {
        let grown = self.0.iter().enumerate().flat_map(|(instance, samples)| {
            let found = if samples.len() >= TREND { grown(samples) } else { Vec::new() };
            found.into_iter().map(move |what| format!("instance {instance}: {what}"))
        });
        grown.collect()
    }
}

/// What is bounded, how it is read from a sample, and the most that may become of it.
type Bound = (&'static str, Of, fn(u64) -> u64);

/// What the last quarter has more of than the second one, which is after the start.
fn grown(samples: &[Sample]) -> Vec<String> {
    let quarter = samples.len() / 4;
    let (early, late) = (&samples[quarter..2 * quarter], &samples[samples.len() - quarter..]);
    let median = |samples: &[Sample], of: Of| {
        let mut values: Vec<u64> = samples.iter().map(of).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    // A connection may be in the making, and an allocator keeps what it has been given.
    let bounds: [Bound; 4] = [
        ("KiB", |sample| sample.kib, |early| early + early / 5 + (8 << 10)),
        ("descriptors", |sample| sample.descriptors, |early| early + 4),
        ("threads", |sample| sample.threads, |early| early + 2),
        // Those of the moment: of calls that go on without who made them, and of the cache's own.
        ("tasks", |sample| sample.tasks, |early| early + early / 2 + 20),
    ];
    let judged = bounds.into_iter().filter_map(|(what, of, bound)| {
        let (early, late) = (median(early, of), median(late, of));
        (late > bound(early)).then(|| format!("{what} grew from {early} to {late}"))
    });
    judged.collect()
}

impl fmt::Display for Watched {
    /// A table: the least, the most and the last of each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: [(&str, Of); 4] = [
            ("MiB", |sample| sample.kib / 1024),
            ("descriptors", |sample| sample.descriptors),
            ("threads", |sample| sample.threads),
            ("tasks", |sample| sample.tasks),
        ];
        let heads = columns.map(|(name, _)| format!("{name:<18}"));
        writeln!(f, "Least to most, last:\n\n| instance | {} |", heads.join(" | "))?;
        writeln!(f, "|----------|{}|", [&*"-".repeat(20); 4].join("|"))?;
        for (instance, samples) in self.0.iter().enumerate() {
            let cells = columns.map(|(_, of)| {
                let (least, most) = (samples.iter().map(of).min(), samples.iter().map(of).max());
                let now = samples.last().map(of).unwrap_or_default();
                format!("{:<18}", format!("{} to {}, {now}", least.unwrap_or_default(), most.unwrap_or_default()))
            });
            writeln!(f, "| {instance:<8} | {} |", cells.join(" | "))?;
        }
        Ok(())
    }
}

#[test]
fn what_grows_is_found_and_what_only_starts_up_is_not() {
    let level = Sample { kib: 50_000, descriptors: 40, threads: 6, tasks: 50 };
    let run =
        |of: fn(u64, Sample) -> Sample| Watched(vec![(0..100).map(|second| of(second, level)).collect()]).growing();
    assert_eq!(run(|_, level| level), Vec::<String>::new());
    assert_eq!(run(|second, level| Sample { kib: level.kib * second.min(10) / 10, ..level }), Vec::<String>::new());
    assert_eq!(run(|second, level| Sample { kib: level.kib + 1_000 * second, ..level }).len(), 1);
    assert_eq!(run(|second, level| Sample { descriptors: level.descriptors + second / 5, ..level }).len(), 1);
    assert_eq!(run(|second, level| Sample { threads: level.threads + second / 10, ..level }).len(), 1);
    assert_eq!(run(|second, level| Sample { tasks: level.tasks + 2 * second, ..level }).len(), 1);
}

#[test]
fn a_process_is_seen_with_its_memory_and_what_it_has_open() {
    let folder = tempfile::tempdir().unwrap();
    let tasks = worker::tasks(folder.path(), 0);
    fs::write(&tasks, "7").unwrap();
    let own = sample(rustix::process::getpid(), &tasks).expect("this process runs");
    assert!(own.kib > 0 && own.descriptors >= 3 && own.threads >= 1 && own.tasks == 7, "{own:?}");
}
