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
