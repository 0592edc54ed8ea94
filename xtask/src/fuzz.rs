//! `cargo xtask fuzz`: every fuzz target, for a short time, on stable Rust.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::metadata::Metadata;
use crate::run::{Result, cargo, output, root, step};

/// What `cargo fuzz` passes as well, without the address sanitizer, which needs a nightly compiler (and the sources
/// forbid `unsafe`): counters at every edge and traced comparisons, by which libFuzzer finds its way into the code.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// For each target. A crash, 10 s on one input and 2 GiB of memory all fail.
const LIMITS: [&str; 4] = ["-max_total_time=20", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"];

pub(crate) fn run() -> Result {
    let targets = targets()?;
    // Of its own, so that the flags do not throw away what the other commands have built.
    let directory = Metadata::read()?.target_directory().join("fuzz");
    let host = host()?;
    // Naming the target keeps the flags away from build scripts and macros, which have no fuzzer to link with.
    let mut build = cargo(["build", "--manifest-path", "fuzz/Cargo.toml", "--release", "--bins", "--target", &host]);
    step(build.arg("--target-dir").arg(&directory).env("RUSTFLAGS", FLAGS))?;
    let programs = directory.join(&host).join("release");
    targets.iter().try_for_each(|target| fuzz(target, &programs.join(target)))
}

fn fuzz(target: &str, program: &Path) -> Result {
    let folder = root().join("fuzz");
    let corpus = folder.join("corpus").join(target);
    let artifacts = folder.join("artifacts").join(target);
    for made in [&corpus, &artifacts] {
        fs::create_dir_all(made).map_err(|error| format!("{} cannot be made: {error}", made.display()))?;
    }
    let mut command = Command::new(program);
    command.args(LIMITS).arg(format!("-artifact_prefix={}/", artifacts.display())).arg(corpus);
    // Inputs that are kept with the sources; libFuzzer only reads from a second folder.
    let seeds = folder.join("seeds").join(target);
    if seeds.is_dir() {
        command.arg(&seeds);
    }
    step(&mut command)
}

/// The names in `fuzz/fuzz_targets`. None is an error, not a success.
fn targets() -> Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let listed = fs::read_dir(&folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let listed = listed.map_err(|error| format!("{} cannot be listed: {error}", folder.display()))?;
    let files = listed.into_iter().map(|entry| entry.path());
    let sources = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let mut names: Vec<String> =
        sources.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    if names.is_empty() { Err(format!("no fuzz targets in {}", folder.display())) } else { Ok(names) }
}

fn host() -> Result<String> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(ToOwned::to_owned).ok_or(format!("rustc -vV names no host:\n{version}"))
}
