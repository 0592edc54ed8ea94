//! `cargo xtask fuzz`: every fuzz target, on stable Rust: for a short time, or `--runs` times each.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::metadata::Metadata;
use crate::run::{Result, cargo, output, root, show, step};

/// What `cargo fuzz` passes as well, without the address sanitizer, which needs a nightly compiler (and the sources
/// forbid `unsafe`): counters at every edge and traced comparisons, by which libFuzzer finds its way into the code.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// For each target. A crash, 10 s on one input and 1 GiB of memory all fail; the targets themselves see that no input takes more
/// memory than its length is worth.
const LIMITS: [&str; 4] = ["-timeout=10", "-rss_limit_mb=1024", "-max_len=512", "-print_final_stats=1"];

/// How long a target runs if nothing is said.
const SHORT: &str = "-max_total_time=10";

/// What libFuzzer calls what is shown of each target.
const SHOWN: [&str; 3] = ["number_of_executed_units", "average_exec_per_sec", "peak_rss_mb"];

pub(crate) fn run(arguments: &[String]) -> Result {
    let length = length(arguments)?;
    let targets = targets()?;
    // Of its own, so that the flags do not throw away what the other commands have built.
    let directory = Metadata::read()?.target_directory().join("fuzz");
    let host = host()?;
    // Naming the target keeps the flags away from build scripts and macros, which have no fuzzer to link with.
    let mut build = cargo(["build", "--manifest-path", "fuzz/Cargo.toml", "--release", "--bins", "--target", &host]);
    step(build.arg("--target-dir").arg(&directory).env("RUSTFLAGS", FLAGS))?;
    let programs = directory.join(&host).join("release");
    let rows =
        targets.iter().map(|target| fuzz(target, &programs.join(target), &length)).collect::<Result<Vec<_>>>()?;
    println!("\n| target | executions | a second | peak MiB |\n|---|---|---|---|\n{}", rows.join("\n"));
    Ok(())
}

/// libFuzzer's word for how long each target runs.
fn length(arguments: &[String]) -> Result<String> {
    let runs = match arguments {
        [] => return Ok(SHORT.to_owned()),
        [name, runs] if name == "--runs" => runs.parse::<u64>().ok(),
        _ => None,
    };
    let runs = runs.filter(|runs| *runs > 0).ok_or("usage: cargo xtask fuzz [--runs 10000000]")?;
    Ok(format!("-runs={runs}"))
}

/// Runs a target: its row of the table.
fn fuzz(target: &str, program: &Path, length: &str) -> Result<String> {
    let folder = root().join("fuzz");
    let corpus = folder.join("corpus").join(target);
    let artifacts = folder.join("artifacts").join(target);
    for made in [&corpus, &artifacts] {
        fs::create_dir_all(made).map_err(|error| format!("{} cannot be made: {error}", made.display()))?;
    }
    let mut command = Command::new(program);
    command.arg(length).args(LIMITS).arg(format!("-artifact_prefix={}/", artifacts.display())).arg(corpus);
    // Inputs that are kept with the sources; libFuzzer only reads from a second folder.
    let seeds = folder.join("seeds").join(target);
    if seeds.is_dir() {
        command.arg(&seeds);
    }
    let told = told(&mut command)?;
    Ok(row(target, &told))
}

/// Runs a command, passes on what it tells on stderr, and returns that; an error if it fails.
fn told(command: &mut Command) -> Result<String> {
    let shown = show(command);
    println!("==> {shown}");
    let failed = |error| format!("`{shown}` cannot be run: {error}");
    let mut child = command.stderr(Stdio::piped()).spawn().map_err(failed)?;
    let mut told = String::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).split(b'\n') {
            // What is shown of an input may be no UTF-8.
            let line = line.map_err(failed)?;
            let line = String::from_utf8_lossy(&line);
            eprintln!("{line}");
            told += &line;
            told.push('\n');
        }
    }
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(told) } else { Err(format!("`{shown}` failed: {status}")) }
}

/// A target's row: what libFuzzer says of it at the end.
fn row(target: &str, told: &str) -> String {
    let number = |name: &str| {
        let mut lines = told.lines().filter_map(|line| line.strip_prefix("stat::")?.strip_prefix(name));
        lines.next().map_or("?", |rest| rest.trim_start_matches(':').trim())
    };
    format!("| {target} | {} |", SHOWN.map(number).join(" | "))
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

#[test]
fn a_run_has_a_length_of_its_own() {
    let length = |arguments: &[&str]| length(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(length(&[]).as_deref(), Ok(SHORT));
    assert_eq!(length(&["--runs", "10"]).as_deref(), Ok("-runs=10"));
    for wrong in [&["--runs"][..], &["--runs", "0"], &["--runs", "many"], &["10"]] {
        assert!(length(wrong).is_err_and(|error| error.contains("usage")), "{wrong:?}");
    }
}

#[test]
fn a_row_says_what_was_run() {
    let told = "#5 DONE\nstat::number_of_executed_units: 5\nstat::average_exec_per_sec:     2\nstat::peak_rss_mb: 30\n";
    assert_eq!(row("key", told), "| key | 5 | 2 | 30 |");
    assert_eq!(row("key", ""), "| key | ? | ? | ? |");
}
