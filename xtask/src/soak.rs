//! `cargo xtask soak`: a fleet of processes under random faults, for as long as one likes, and a table of what came of it.

mod table;

use std::fs;
use std::path::Path;

use crate::redis;
use crate::run::{Result, cargo, root, step};

const DEFAULT_MINUTES: u64 = 10;
/// What there is to run on, and the test that does.
const TOPOLOGIES: [(&str, &str); 3] = [
    ("single", "no_read_is_older_than_promised"),
    ("cluster", "a_cluster_serves_nothing_older_than_promised"),
    ("sentinel", "sentinels_serve_nothing_older_than_promised"),
];
const ALL: &str = "all";

pub(crate) fn run(arguments: &[String]) -> Result {
    let settings = Settings::read(arguments)?;
    redis::ensure()?;
    let folder = root().join("target/soak");
    fs::create_dir_all(&folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let (mut reports, mut failed) = (Vec::new(), Vec::new());
    for (topology, test) in settings.chosen() {
        let report = folder.join(topology);
        let _ = fs::remove_file(&report);
        // The others run all the same: hours may have been given to this.
        failed.extend(soak(test, &settings, &report).err());
        reports.extend(fs::read_to_string(&report).ok());
    }
    println!("{}", table::of(&reports));
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

fn soak(test: &str, settings: &Settings, report: &Path) -> Result {
    let mut command = cargo(["test", "-p", "tiercache-tests", "--all-features", "--test", "coherence", "--"]);
    command.args(["--exact", test, "--nocapture"]).env("COHERENCE_SECONDS", (settings.minutes * 60).to_string());
    if let Some(seed) = settings.seed {
        command.env("COHERENCE_SEED", seed.to_string());
    }
    step(command.env("COHERENCE_SOAK", report))
}

#[derive(Debug, PartialEq, Eq)]
struct Settings {
    /// On each topology.
    minutes: u64,
    /// A new one each time, and printed, if none is given.
    seed: Option<u64>,
    topology: String,
}

impl Settings {
    fn read(mut arguments: &[String]) -> Result<Self> {
        let mut settings = Self { minutes: DEFAULT_MINUTES, seed: None, topology: ALL.to_owned() };
        while let [name, rest @ ..] = arguments {
            let (value, rest) = rest.split_first().ok_or_else(|| format!("`{name}` needs a value after it"))?;
            let number = || value.parse::<u64>().map_err(|_| format!("`{name} {value}`: that is not a whole number"));
            match name.as_str() {
                "--minutes" => settings.minutes = number()?,
                "--seed" => settings.seed = Some(number()?),
                "--topology" => settings.topology.clone_from(value),
                _ => return Err(format!("no setting `{name}`: there are {HELP}")),
            }
            arguments = rest;
        }
        if settings.minutes == 0 {
            return Err("`--minutes 0` is no run: give it some".into());
        }
        if settings.chosen().next().is_none() {
            return Err(format!("no topology `{}`: there are {HELP}", settings.topology));
        }
        Ok(settings)
    }

    fn chosen(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        TOPOLOGIES.into_iter().filter(|(name, _)| self.topology == ALL || self.topology == *name)
    }
}

const HELP: &str = "`--minutes N` (10; on each topology), `--seed S` (a random one; printed) and \
                    `--topology single|cluster|sentinel|all` (all, one after the other)";

#[cfg(test)]
fn read(line: &str) -> Result<Settings> {
    Settings::read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
}

#[test]
fn settings_are_read_in_any_order_and_have_defaults() {
    let settings = |minutes, seed, topology: &str| Ok(Settings { minutes, seed, topology: topology.into() });
    assert_eq!(read(""), settings(DEFAULT_MINUTES, None, "all"));
    assert_eq!(read("--seed 7 --minutes 2"), settings(2, Some(7), "all"));
    assert_eq!(read("--topology cluster --seed 7"), settings(DEFAULT_MINUTES, Some(7), "cluster"));
}

#[test]
fn a_topology_is_run_alone_or_each_in_its_turn() {
    let chosen = |line| read(line).expect("it is well formed").chosen().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(chosen(""), ["single", "cluster", "sentinel"]);
    assert_eq!(chosen("--topology sentinel"), ["sentinel"]);
}

#[test]
fn what_is_no_setting_is_refused() {
    for line in ["--minutes", "--minutes x", "--minutes 0", "--hours 2", "7 7", "--topology", "--topology ring"] {
        assert!(read(line).is_err(), "{line}");
    }
    assert!(read("--topology ring").is_err_and(|error| error.contains("single|cluster|sentinel|all")));
}

/// A test that is not there is run without an error, and without a word.
#[test]
fn every_topology_has_its_test() {
    let source = include_str!("../../tests/coherence/main.rs");
    for (_, test) in TOPOLOGIES {
        assert!(source.contains(&format!("#[test]\nfn {test}()")), "{test}");
    }
}
