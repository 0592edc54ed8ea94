//! The figures of several runs, side by side.

/// A table of Markdown: a row for each figure, a column for each report. A report is lines `name: value`, the same names in each.
pub(super) fn of(reports: &[String]) -> String {
    let columns: Vec<Vec<(&str, &str)>> =
        reports.iter().map(|report| report.lines().filter_map(|line| line.split_once(": ")).collect()).collect();
    let Some(first) = columns.first() else { return String::new() };
    let row = |(at, (name, _)): (usize, &(&str, &str))| {
        let cells = columns.iter().map(|column| column.get(at).map_or("", |(_, value)| value));
        format!("| {} | {} |", name, cells.collect::<Vec<_>>().join(" | "))
    };
    let mut lines: Vec<String> = first.iter().enumerate().map(row).collect();
    if !lines.is_empty() {
        lines.insert(1, format!("|---|{}", "---|".repeat(columns.len())));
    }
    lines.join("\n")
}

#[test]
fn reports_stand_side_by_side() {
    let report = |topology: &str, reads: u32| format!("topology: {topology}\nreads: {reads}\n");
    let expected = "| topology | single | cluster |\n|---|---|---|\n| reads | 7 | 8 |";
    assert_eq!(of(&[report("single", 7), report("cluster", 8)]), expected);
    assert_eq!(of(&[]), "");
}
