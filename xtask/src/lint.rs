//! `cargo xtask lint`: everything that can be judged without running the code.

use crate::metadata::Metadata;
use crate::run::{Result, cargo, root, step};
use crate::{features, msrv};

pub(crate) fn run() -> Result {
    format()?;
    // incompatible_msrv finds calls of a standard library newer than the declared minimum.
    let mut clippy = cargo(["clippy", "--workspace", "--all-targets", "--all-features", "--"]);
    step(clippy.args(["-D", "warnings", "-D", "clippy::incompatible_msrv"]))?;
    let mut doc = cargo(["doc", "--no-deps", "-p", "tiercache", "-p", "tiercache-macros", "--all-features"]);
    step(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    ensure_deny()?;
    step(&mut cargo(["deny", "--all-features", "check", "bans", "licenses", "sources"]))?;
    let metadata = Metadata::read()?;
    features::check(&metadata)?;
    msrv::check(&metadata)
}

/// Apart from `lint`, because its result changes with the day: the same commit must not pass today and fail tomorrow.
pub(crate) fn audit() -> Result {
    ensure_deny()?;
    step(&mut cargo(["deny", "--all-features", "check", "advisories"]))
}

fn format() -> Result {
    step(&mut cargo(["fmt", "--all", "--check"]))?;
    // A workspace of its own, which `--all` does not reach.
    if root().join("fuzz/Cargo.toml").is_file() {
        step(&mut cargo(["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))?;
    }
    Ok(())
}

fn ensure_deny() -> Result {
    if crate::run::output(&mut cargo(["deny", "--version"])).is_ok() {
        return Ok(());
    }
    step(&mut cargo(["install", "cargo-deny", "--locked"]))
}
