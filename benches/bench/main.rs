//! The benchmarks: see the documentation of the package.
#![allow(
    clippy::needless_for_each,
    clippy::semicolon_if_nothing_returned,
    reason = "what is measured reads best in a line"
)]
#![allow(
    clippy::unnecessary_wraps,
    clippy::unused_async,
    reason = "cases are alike, and subjects are what users write"
)]

mod embedded;
mod floor;
mod key;
mod l1;
mod l2;
mod memory;
mod miss;
mod profile;
mod proof;
mod server;
mod subject;
mod tags;
mod threads;

use std::error::Error;
use std::process::Command;

use benches::HEAD;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// What a case does: it prints its rows.
type Case = fn(&str) -> Result;

/// Every case, by name. Each is given its own.
const CASES: [(&str, Case); 17] = [
    ("l1/quick-cache/struct", l1::structs),
    ("l1/quick-cache/arc", l1::arcs),
    ("l1/mini-moka/struct", l1::structs),
    ("l1/mini-moka/arc", l1::arcs),
    ("threads/quick-cache", threads::two),
    ("threads/mini-moka", threads::two),
    ("proof", proof::hits),
    ("key", key::addresses),
    ("memory/quick-cache", memory::per_entry),
    ("memory/mini-moka", memory::per_entry),
    ("miss/l1", miss::memory),
    ("miss/l2", miss::redis),
    ("miss/open", miss::open),
    ("l2/one", l2::one),
    ("l2/many", l2::many),
    ("invalidate-tag", tags::invalidation),
    ("embedded", embedded::hits),
];

/// For profilers: these print nothing, and run only when they are asked for by the variable below.
const PROFILES: [(&str, Case); 4] = [
    ("profile/quick-cache", profile::hits),
    ("profile/mini-moka", profile::hits),
    ("profile-floor/quick-cache", profile::floor),
    ("profile-floor/mini-moka", profile::floor),
];

/// Says that this process is to run a case.
const INSIDE: &str = "TIERCACHE_BENCH_CASE";

fn main() -> Result {
    if let Ok(name) = std::env::var(INSIDE) {
        let (name, case) = CASES.iter().chain(&PROFILES).find(|(known, _)| *known == name).ok_or("no such case")?;
        return case(name);
    }
    // Cargo adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if wanted.iter().any(|name| name == "list") {
        for (name, _) in CASES {
            println!("{name}");
        }
        return Ok(());
    }
    all(&wanted)
}

/// Runs the cases whose names begin with one of `wanted`, each in a process of its own, and prints what they give.
fn all(wanted: &[String]) -> Result {
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|start| name.starts_with(start.as_str()));
    let mut rows = String::new();
    for (name, _) in CASES.iter().filter(|(name, _)| is_wanted(name)) {
        eprintln!("{name} …");
        let output = Command::new(std::env::current_exe()?).env(INSIDE, name).output()?;
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            return Err(format!("{name} failed").into());
        }
        rows.push_str(&String::from_utf8(output.stdout)?);
    }
    println!("\n{HEAD}\n{rows}");
    Ok(())
}
