//! The table of faults, and how its rows are measured.

use std::fmt::Display;

#[path = "../faults/table.rs"]
pub mod table;

/// Prints the row with what was measured, for `cargo xtask faults`.
pub fn measured(row: table::Row, what: impl Display) {
    println!("fault| {} | {} | {} | {what}", row.fault, row.seen, row.promise);
}

/// The counts of `cargo xtask faults`, which has more time than a run of all tests.
pub fn at_length(short: u64, long: u64) -> u64 {
    if is_at_length() { long } else { short }
}

/// Whether this is `cargo xtask faults`: then nothing else runs on the machine, and times are held to what is promised.
pub fn is_at_length() -> bool {
    std::env::var_os("FAULTS_AT_LENGTH").is_some()
}
