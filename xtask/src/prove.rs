//! `cargo xtask prove`: the checks of coherence at their full length. What they print is in the guide on proof.

use crate::redis;
use crate::run::{Result, cargo, step};

/// A test, by its target and name, and the settings that lengthen it.
struct Check {
    target: &'static str,
    name: &'static str,
    settings: &'static [(&'static str, &'static str)],
}

const CHECKS: [Check; 2] = [
    Check {
        target: "coherence",
        name: "no_read_is_older_than_promised",
        settings: &[("COHERENCE_SECONDS", "120"), ("COHERENCE_READS", "1000000")],
    },
    Check { target: "redis", name: "propagation", settings: &[("PROPAGATION_ROUNDS", "10000")] },
];

pub(crate) fn run() -> Result {
    redis::ensure()?;
    CHECKS.iter().try_for_each(|Check { target, name, settings }| {
        let mut command = cargo(["test", "-p", "tiercache-tests", "--all-features", "--test", target, "--", name]);
        // One after the other: they measure.
        step(command.args(["--nocapture", "--test-threads", "1"]).envs(settings.iter().copied()))
    })
}
