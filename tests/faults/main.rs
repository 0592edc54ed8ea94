//! Trouble of Redis is never the caller's. What is promised for each fault is in `table.rs`; each test of a row measures it.

mod breaker;
mod bus;
mod callers;
mod crash;
mod evictions;
mod flood;
mod pending;
mod permissions;
mod redis_down;
mod refusals;
mod restarts;
mod runtimes;
mod stored;
mod values;
mod wire;

use std::collections::HashSet;

use tiercache_tests::faults::{at_length, measured, table};

/// What is measured here is measured alone: two tests at once on two cores would measure each other.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[test]
fn no_two_rows_are_about_the_same_fault() {
    let faults: HashSet<&str> = table::ALL.iter().map(|row| row.fault).collect();
    assert_eq!(faults.len(), table::ALL.len());
}
