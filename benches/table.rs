//! Results as rows of a Markdown table.

use std::fmt;

/// The first two lines of the table.
pub const HEAD: &str = "| what | median | time in multiples of the first's (quartiles) | target |\n|---|--:|--:|--:|";

/// One result.
#[derive(Clone, Debug)]
pub struct Row {
    /// The contest it comes from.
    pub(crate) contest: String,
    /// Who did it.
    pub(crate) name: String,
    /// The median time of one operation, in nanoseconds.
    pub(crate) nanos: f64,
    /// Whether that is to be shown as operations in a second.
    pub(crate) is_rate: bool,
    /// Times the first contestant's: median, lower and upper quartile. The first one has none.
    pub(crate) ratio: Option<[f64; 3]>,
    /// What the ratio should not exceed.
    pub(crate) target: Option<f64>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio = match self.ratio {
            Some([median, low, high]) => format!("{median:.2} ({low:.2}–{high:.2})"),
            None => "1".into(),
        };
        let target = self.target.map(|target| format!("≤ {target}")).unwrap_or_default();
        let median = if self.is_rate { rate(self.nanos) } else { time(self.nanos) };
        write!(f, "| {}: {} | {median} | {ratio} | {target} |", self.contest, self.name)
    }
}

/// Prints rows.
pub fn print(rows: &[Row]) {
    for row in rows {
        println!("{row}");
    }
}

/// Prints a row of a case that measures memory.
pub fn print_bytes(case: &str, name: &str, bytes: u64) {
    println!("| {case}: {name} | {bytes} bytes | | |");
}

fn time(nanos: f64) -> String {
    match nanos {
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e5 => format!("{:.1} µs", n / 1e3),
        n => format!("{:.0} µs", n / 1e3),
    }
}

fn rate(nanos: f64) -> String {
    match 1e9 / nanos {
        rate if rate < 1e6 => format!("{:.0} k/s", rate / 1e3),
        rate => format!("{:.1} M/s", rate / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_time_ratio_spread_and_target() {
        let row = Row {
            contest: "hit".into(),
            name: "ours".into(),
            nanos: 123.4,
            is_rate: false,
            ratio: Some([1.2, 1.1, 1.3]),
            target: Some(1.25),
        };
        assert_eq!(row.to_string(), "| hit: ours | 123 ns | 1.20 (1.10–1.30) | ≤ 1.25 |");
        let first = Row { nanos: 500.0, is_rate: true, ratio: None, target: None, ..row };
        assert_eq!(first.to_string(), "| hit: ours | 2.0 M/s | 1 |  |");
    }
}
