//! `cargo xtask faults`: the tests of faults at full length, and the table of what was promised and measured.

#[path = "../../tests/faults/table.rs"]
#[allow(unreachable_pub, reason = "the tests' support shows it to others")]
mod table;

use std::collections::HashMap;
use std::process::Command;

use crate::redis;
use crate::run::{Result, cargo, show};

use table::Row;

/// What a line with a measurement begins with.
const MARK: &str = "fault| ";

pub(crate) fn run() -> Result {
    redis::ensure()?;
    let mut command = cargo(["test", "-p", "tiercache-tests", "--all-features", "--no-fail-fast"]);
    command.args(["--test", "faults", "--test", "cluster", "--"]);
    // One after the other: they measure.
    command.args(["--nocapture", "--test-threads", "1"]).env("FAULTS_AT_LENGTH", "1");
    let (printed, passed) = print_while_it_runs(&mut command)?;
    let measured = measured(&printed);
    println!("\n{}", markdown(&measured));
    let missing: Vec<&str> =
        table::ALL.iter().map(|row| row.fault).filter(|fault| !measured.contains_key(fault)).collect();
    if !missing.is_empty() {
        return Err(format!("not measured: {}", missing.join("; ")));
    }
    if passed { Ok(()) } else { Err("a test of a fault has failed: see above".into()) }
}

/// Runs a command: what it printed, and whether it succeeded.
fn print_while_it_runs(command: &mut Command) -> Result<(String, bool)> {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let shown = show(command);
    println!("==> {shown}");
    let failed = |error| format!("`{shown}` cannot be run: {error}");
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut printed = String::new();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line.map_err(failed)?;
            println!("{line}");
            printed += &line;
            printed.push('\n');
        }
    }
    Ok((printed, child.wait().map_err(failed)?.success()))
}

/// What was measured, by fault. The harness may have begun the line with the name of the test.
fn measured(printed: &str) -> HashMap<&str, &str> {
    let marked = printed.lines().filter_map(|line| line.split_once(MARK).map(|(_, row)| row));
    marked.filter_map(|row| Some((row.split(" | ").next()?, row.splitn(4, " | ").nth(3)?))).collect()
}

/// The table, its columns aligned.
fn markdown(measured: &HashMap<&str, &str>) -> String {
    let of = |row: &Row| [row.fault, row.seen, row.promise, measured.get(row.fault).copied().unwrap_or("**nothing**")];
    let rows: Vec<[&str; 4]> =
        std::iter::once(["fault", "seen", "promise", "measured"]).chain(table::ALL.iter().map(of)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let line = |cells: [&str; 4]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule = format!("|{}|", widths.map(|width| "-".repeat(width + 2)).join("|"));
    let mut lines: Vec<String> = rows.into_iter().map(line).collect();
    lines.insert(1, rule);
    lines.join("\n")
}

#[test]
fn a_measurement_is_found_wherever_the_harness_puts_it() {
    let printed =
        "test a::b ... fault| OOM | errors | goes on | 3 | 4\nok\nfault| BUSY | BUSY | 0 errors | 9 ms\nfault|";
    assert_eq!(measured(printed), HashMap::from([("OOM", "3 | 4"), ("BUSY", "9 ms")]));
}

#[test]
fn every_row_is_shown_and_what_is_missing_stands_out() {
    let shown = markdown(&HashMap::from([(table::ALL[0].fault, "5 ms")]));
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), table::ALL.len() + 2);
    assert!(lines[2].contains(table::ALL[0].promise) && lines[2].contains("| 5 ms"), "{}", lines[2]);
    assert_eq!(shown.matches("**nothing**").count(), table::ALL.len() - 1);
    assert!(lines.iter().all(|line| line.chars().count() == lines[0].chars().count()), "{shown}");
}
