//! What the examples share: printing a table.

use std::fmt::Display;
use std::time::Duration;

/// Prints the head of a table.
pub fn head(what: &str, answer: &str) {
    println!("{what:<44} {answer:<24} {:>9}", "time");
    println!("{0:─<44} {0:─<24} {0:─>9}", "");
}

/// Prints a row of a table.
pub fn row(what: &str, answer: impl Display, time: Duration) {
    println!("{what:<44} {:<24} {:>9}", answer.to_string(), human(time));
}

/// A time as a person would say it: three digits and a unit.
fn human(time: Duration) -> String {
    let nanos = time.as_nanos() as f64;
    let (value, unit) = match nanos {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "µs"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    let digits = usize::from(unit != "ns" && value < 99.95);
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_at_most_and_a_unit() {
        for (nanos, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_234, "1.2 µs"),
            (99_960, "100 µs"),
            (50_000_000, "50.0 ms"),
            (2_500_000_000, "2.5 s"),
        ] {
            assert_eq!(human(Duration::from_nanos(nanos)), text);
        }
    }
}
