//! The figures of a run, for the table of `cargo xtask soak`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tiercache_tests::history::Verdict;

use super::faults::Befallen;
use super::topology::Topology;
use super::watch::Watched;

pub(crate) struct Figures<'a> {
    pub(crate) topology: Topology,
    pub(crate) seed: u64,
    pub(crate) seconds: u64,
    pub(crate) befallen: Vec<Befallen>,
    pub(crate) verdict: &'a Verdict,
    pub(crate) watched: &'a Watched,
}

/// Writes a line `name: value` for each figure.
pub(crate) fn write(path: &Path, figures: &Figures<'_>) {
    let lines = rows(figures).map(|(name, value)| format!("{name}: {value}\n"));
    fs::write(path, lines.concat()).expect("the file of the report can be written");
}

fn rows(figures: &Figures<'_>) -> [(&'static str, String); 16] {
    let Figures { topology, seed, seconds, befallen, verdict, watched } = figures;
    let span = |(first, last): (u64, u64)| format!("{first}, {last}");
    [
        ("topology", topology.to_string()),
        ("seed", seed.to_string()),
        ("minutes", format!("{}", *seconds as f64 / 60.0)),
        ("reads, each judged", grouped(verdict.reads())),
        ("of them stale, within their bounds", grouped(verdict.stale() as u64)),
        ("of them legal by a failover alone", grouped(verdict.widely())),
        ("of them while cut off", grouped(verdict.degraded())),
        ("writes", grouped(verdict.operations() - verdict.reads())),
        ("faults", befallen.len().to_string()),
        ("by kind", by_kind(befallen)),
        ("**violations**", format!("**{}**", verdict.violated())),
        ("worst staleness", format!("{:.1?}", verdict.worst())),
        ("median of the stale", format!("{:.1?}", verdict.median())),
        ("MiB at first, at last", span(watched.first_and_last(|sample| sample.kib / 1024))),
        ("descriptors, threads at last", {
            let last = |of| watched.first_and_last(of).1;
            span((last(|sample| sample.descriptors), last(|sample| sample.threads)))
        }),
        ("tasks at first, at last", span(watched.first_and_last(|sample| sample.tasks))),
    ]
}

/// How often there was which fault.
pub(crate) fn by_kind(befallen: &[Befallen]) -> String {
    let mut kinds = BTreeMap::<&str, usize>::new();
    for fault in befallen {
        *kinds.entry(fault.kind).or_default() += 1;
    }
    let kinds = kinds.into_iter().map(|(kind, count)| format!("{count} {kind}"));
    kinds.collect::<Vec<_>>().join(", ")
}

/// A number, its digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join(",")
}

#[test]
fn numbers_are_grouped_by_three() {
    assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
}
