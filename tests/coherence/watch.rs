//! What the processes of a long run occupy, looked at from outside: it may not grow.

use std::fmt;
use std::fs;
use std::time::Duration;

use rustix::process::Pid;
use tiercache_tests::history::nanos;
use tokio::time::sleep;

/// Between two looks, and between two lines of progress.
const LOOK: Duration = Duration::from_secs(1);
const LOOKS_A_LINE: usize = 10;
/// With fewer looks than that there is no trend to be seen.
const TREND: usize = 40;

/// What a process occupies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sample {
    kib: u64,
    descriptors: u64,
    threads: u64,
}

/// All samples, by instance.
#[derive(Debug)]
pub(crate) struct Watched(Vec<Vec<Sample>>);

/// Looks at the processes until shortly before the run ends, and says how it goes.
pub(crate) async fn watch(processes: &[Pid], until: u64) -> Watched {
    let mut watched = Watched(vec![Vec::new(); processes.len()]);
    let (begun, last) = (nanos(), until.saturating_sub(1_000_000_000));
    for look in 1_usize.. {
        sleep(LOOK).await;
        if nanos() >= last {
            break;
        }
        for (process, samples) in processes.iter().zip(&mut watched.0) {
            samples.extend(sample(*process));
        }
        if look.is_multiple_of(LOOKS_A_LINE) {
            let seconds = |nanos: u64| nanos / 1_000_000_000;
            println!("{} of {} s: {}", seconds(nanos() - begun), seconds(until - begun), watched.now());
        }
    }
    watched
}

/// `None` for a process that has ended.
fn sample(process: Pid) -> Option<Sample> {
    let of = |name: &str| format!("/proc/{}/{name}", process.as_raw_nonzero());
    let status = fs::read_to_string(of("status")).ok()?;
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let descriptors = fs::read_dir(of("fd")).ok()?.count() as u64;
    Some(Sample { kib: number("VmRSS:")?, descriptors, threads: number("Threads:")? })
}

impl Watched {
    fn now(&self) -> String {
        let latest = self.0.iter().filter_map(|samples| samples.last());
        let shown = latest.map(|Sample { kib, descriptors, threads }| {
            format!("{} MiB, {descriptors} descriptors, {threads} threads", kib / 1024)
        });
        shown.collect::<Vec<_>>().join("; ")
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
type Bound = (&'static str, fn(&Sample) -> u64, fn(u64) -> u64);

/// What the last quarter has more of than the second one, which is after the start.
fn grown(samples: &[Sample]) -> Vec<String> {
    let quarter = samples.len() / 4;
    let (early, late) = (&samples[quarter..2 * quarter], &samples[samples.len() - quarter..]);
    let median = |samples: &[Sample], of: fn(&Sample) -> u64| {
        let mut values: Vec<u64> = samples.iter().map(of).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    // A connection may be in the making, and an allocator keeps what it has been given.
    let bounds: [Bound; 3] = [
        ("KiB", |sample| sample.kib, |early| early + early / 5 + (8 << 10)),
        ("descriptors", |sample| sample.descriptors, |early| early + 4),
        ("threads", |sample| sample.threads, |early| early + 2),
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
        writeln!(f, "| instance | MiB, least to most, last | descriptors     | threads         |")?;
        writeln!(f, "|----------|---------------------------|-----------------|-----------------|")?;
        for (instance, samples) in self.0.iter().enumerate() {
            let span = |of: fn(&Sample) -> u64| {
                let (least, most) = (samples.iter().map(of).min(), samples.iter().map(of).max());
                let now = samples.last().map(of).unwrap_or_default();
                format!("{} to {}, {now}", least.unwrap_or_default(), most.unwrap_or_default())
            };
            let (memory, descriptors) = (span(|sample| sample.kib / 1024), span(|sample| sample.descriptors));
            writeln!(
                f,
                "| {instance:<8} | {memory:<25} | {descriptors:<15} | {:<15} |",
                span(|sample| sample.threads)
            )?;
        }
        Ok(())
    }
}

#[test]
fn what_grows_is_found_and_what_only_starts_up_is_not() {
    let level = Sample { kib: 50_000, descriptors: 40, threads: 6 };
    let run =
        |of: fn(u64, Sample) -> Sample| Watched(vec![(0..100).map(|second| of(second, level)).collect()]).growing();
    assert_eq!(run(|_, level| level), Vec::<String>::new());
    assert_eq!(run(|second, level| Sample { kib: level.kib * second.min(10) / 10, ..level }), Vec::<String>::new());
    assert_eq!(run(|second, level| Sample { kib: level.kib + 1_000 * second, ..level }).len(), 1);
    assert_eq!(run(|second, level| Sample { descriptors: level.descriptors + second / 5, ..level }).len(), 1);
    assert_eq!(run(|second, level| Sample { threads: level.threads + second / 10, ..level }).len(), 1);
}

#[test]
fn a_process_is_seen_with_its_memory_and_what_it_has_open() {
    let own = sample(rustix::process::getpid()).expect("this process runs");
    assert!(own.kib > 0 && own.descriptors >= 3 && own.threads >= 1, "{own:?}");
}
