//! `cargo xtask test`: everything that can fail by running.

use std::{env, fs};

use crate::metadata::Metadata;
use crate::redis;
use crate::run::{Result, cargo, root, step};

pub(crate) fn run() -> Result {
    redis::ensure()?;
    // The tests start and stop the servers they need, on free loopback ports.
    step(&mut cargo(["test", "--workspace", "--all-features", "--no-fail-fast"]))?;
    examples()
}

/// The tests that start servers, with another one in the place of Redis.
pub(crate) fn valkey() -> Result {
    redis::ensure_that(redis::VALKEY)?;
    let mut command = cargo(["test", "-p", "tiercache-tests", "--all-features", "--no-fail-fast"]);
    command.args(["--test", "redis", "--test", "cluster", "--test", "faults", "--test", "coherence"]);
    step(command.env("TEST_SERVER", redis::VALKEY.program))
}

/// More runs of the simulation than there is time for in `test`: optimized, and without what it does not need.
pub(crate) fn simulate() -> Result {
    let mut command = cargo(["test", "--profile", "simulation", "-p", "tiercache", "--lib", "--no-default-features"]);
    command.args(["--features", "test-util,macros,quick-cache,bincode", "simulation::", "--", "--nocapture"]);
    if env::var_os("SIMULATION_SEEDS").is_none() {
        command.env("SIMULATION_SEEDS", SIMULATED);
    }
    step(&mut command)
}

/// Seeds; half a minute of one core.
const SIMULATED: &str = "3000";

/// Runs every example as a reader would, but away from the sources: each asserts its own result.
fn examples() -> Result {
    let folder = env::temp_dir().join(format!("tiercache-examples-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let manifest = root().join("Cargo.toml");
    let result = Metadata::read()?.examples("examples")?.iter().try_for_each(|example| {
        let mut command = cargo(["run", "--quiet", "-p", "examples", "--example", example]);
        step(command.arg("--manifest-path").arg(&manifest).current_dir(&folder))
    });
    // A leftover folder in the temporary directory is no failure.
    let _ = fs::remove_dir_all(&folder);
    result
}
