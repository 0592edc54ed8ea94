//! `cargo xtask soak`: a fleet of processes under random faults, for as long as one likes.

use crate::redis;
use crate::run::{Result, cargo, step};

const DEFAULT_MINUTES: u64 = 10;
const TEST: &str = "no_read_is_older_than_promised";

pub(crate) fn run(arguments: &[String]) -> Result {
    let Settings { minutes, seed } = Settings::read(arguments)?;
    redis::ensure()?;
    let mut command = cargo(["test", "-p", "tiercache-tests", "--all-features", "--test", "coherence", "--"]);
    command.args(["--exact", TEST, "--nocapture"]).env("COHERENCE_SECONDS", (minutes * 60).to_string());
    if let Some(seed) = seed {
        command.env("COHERENCE_SEED", seed.to_string());
    }
    step(command.env("COHERENCE_SOAK", "1"))
}

#[derive(Debug, PartialEq, Eq)]
struct Settings {
    minutes: u64,
    /// A new one each time, and printed, if none is given.
    seed: Option<u64>,
}

impl Settings {
    fn read(mut arguments: &[String]) -> Result<Self> {
        let mut settings = Self { minutes: DEFAULT_MINUTES, seed: None };
        while let [name, rest @ ..] = arguments {
            let (value, rest) = rest.split_first().ok_or_else(|| format!("`{name}` needs a number after it"))?;
            let number = value.parse().map_err(|_| format!("`{name} {value}`: that is not a whole number"))?;
            match name.as_str() {
                "--minutes" if number > 0 => settings.minutes = number,
                "--minutes" => return Err("`--minutes 0` is no run: give it some".into()),
                "--seed" => settings.seed = Some(number),
                _ => return Err(format!("no setting `{name}`: there are `--minutes N` and `--seed S`")),
            }
            arguments = rest;
        }
        Ok(settings)
    }
}

#[cfg(test)]
fn read(line: &str) -> Result<Settings> {
    Settings::read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
}

#[test]
fn settings_are_read_in_any_order_and_have_defaults() {
    assert_eq!(read(""), Ok(Settings { minutes: DEFAULT_MINUTES, seed: None }));
    assert_eq!(read("--seed 7 --minutes 2"), Ok(Settings { minutes: 2, seed: Some(7) }));
}

#[test]
fn what_is_no_setting_is_refused() {
    for line in ["--minutes", "--minutes x", "--minutes 0", "--hours 2", "7 7"] {
        assert!(read(line).is_err(), "{line}");
    }
}
