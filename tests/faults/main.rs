//! Trouble of Redis is never the caller's. What is promised for each fault is in `table.rs`; each test of a row measures it.

mod apart;
mod breaker;
mod bus;
mod callers;
mod crash;
mod evictions;
mod flood;
mod misconfigured;
mod pending;
mod permissions;
mod redis_down;
mod refusals;
mod restarts;
mod runtimes;
mod stored;
mod table;
mod values;
mod wire;

use std::collections::HashSet;
use std::fmt::Display;
use std::time::Duration;

use table::Row;

/// What is measured here is measured alone: two tests at once on two cores would measure each other.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Prints the row with what was measured, for `cargo xtask faults`.
fn measured(row: Row, what: impl Display) {
    println!("fault| {} | {} | {} | {what}", row.fault, row.seen, row.promise);
}

/// The lines that a log may have about one fault.
const ABOUT_ONCE: usize = 3;

/// The counts of `cargo xtask faults`, which has more time than a run of all tests.
fn at_length(short: u64, long: u64) -> u64 {
    if measures() { long } else { short }
}

/// How long something may take that is promised to take so long: exactly that under `cargo xtask faults`, where one test runs at a time.
/// In a run of all tests there may be ten for each core; then it is enough that nobody waits for what does not come.
fn limit(promised: Duration) -> Duration {
    const NOBODY_WAITS: Duration = Duration::from_secs(15);
    if measures() { promised } else { promised.max(NOBODY_WAITS) }
}

fn measures() -> bool {
    std::env::var_os("FAULTS_AT_LENGTH").is_some()
}

#[test]
fn no_two_rows_are_about_the_same_fault() {
    let faults: HashSet<&str> = table::ALL.iter().map(|row| row.fault).collect();
    assert_eq!(faults.len(), table::ALL.len());
}
