//! What led to a violation: the key's writes, the instance's reads of it, and what befell the run, in their order.

use std::path::Path;
use std::time::Duration;

use tiercache_tests::history::{Record, Violation, read_journal};

use super::faults::Befallen;
use super::journals;

/// How long before an illegal read the trace begins.
const BEFORE: u64 = 6_000_000_000;
/// How long after it the trace ends.
const AFTER: u64 = 300_000_000;
/// Violations that are traced.
const MOST: usize = 5;
/// Between two looks whether an instance is cut off, at most.
const LOOK: u64 = 100_000_000;

/// Of each key one violation, its writer's own first; some of them.
pub(crate) fn telling(violations: &[Violation]) -> Vec<&Violation> {
    let mut telling: Vec<&Violation> = violations.iter().collect();
    telling.sort_by_key(|violation| (!violation.own, violation.key, violation.begin));
    telling.dedup_by_key(|violation| violation.key);
    telling.truncate(MOST);
    telling
}

pub(crate) fn print(folder: &Path, violation: &Violation, befallen: &[Befallen]) {
    let window = violation.begin.saturating_sub(BEFORE)..violation.end + AFTER;
    let mut events: Vec<(u64, u64, String)> = Vec::new();
    for (instance, path) in journals(folder) {
        read_journal(&path, |record| {
            let own = instance == violation.instance;
            let event = match record {
                Record::Write { key, version, begin, end } if key == violation.key => {
                    let (told, end) = end.map_or(("not told", begin), |end| ("told", end));
                    (begin, end, format!("instance {instance} wrote {version}, {told}"))
                }
                Record::Read { key, version, source, begin, end } if own && key == violation.key => {
                    (begin, end, format!("instance {instance} read {version} from {}", char::from(source)))
                }
                Record::CutOff { begin, end } if own => (begin, end, format!("instance {instance} was cut off")),
                _ => return,
            };
            events.push(event);
        });
    }
    events.extend(befallen.iter().map(|fault| (fault.begin, fault.end, fault.what.clone())));
    events.retain(|(begin, end, _)| *begin < window.end && *end >= window.start);
    events.sort();
    // What was noted look after look is one.
    events.dedup_by(|next, event| {
        let goes_on = next.2 == event.2 && next.0 <= event.1 + LOOK;
        event.1 = if goes_on { next.1 } else { event.1 };
        goes_on
    });
    println!("\n{violation:?}\nbegin, ms before it | took");
    for (begin, end, what) in events {
        let before = (violation.begin as f64 - begin as f64) / 1e6;
        println!("{before:>12.3} | {:>10.1?} | {what}", Duration::from_nanos(end - begin));
    }
}
