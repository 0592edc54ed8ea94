//! Contestants that take turns.

use std::fmt;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::table::Row;

/// A run of one contestant: does what it is measured by, as often as its contest says.
type Run<'a> = Box<dyn FnMut() + 'a>;

/// Contestants who do the same work, in turns. The first one is what the others are measured against.
pub struct Contest<'a> {
    name: String,
    /// How many operations a run is.
    operations: u64,
    clock: ClockId,
    contestants: Vec<Contestant<'a>>,
}

struct Contestant<'a> {
    name: String,
    target: Option<f64>,
    is_rate: bool,
    run: Run<'a>,
    times: Vec<f64>,
}

/// How long a contest may take.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// At least so many rounds.
    pub rounds: usize,
    /// Rounds go on until this has passed.
    pub time: Duration,
}

impl Default for Scale {
    fn default() -> Self {
        Self { rounds: 31, time: Duration::from_secs(5) }
    }
}

impl Scale {
    /// For what is measured for information.
    #[must_use]
    pub fn short() -> Self {
        Self { time: Duration::from_secs(2), ..Self::default() }
    }
}

impl<'a> Contest<'a> {
    /// A contest whose runs are of `operations` operations each.
    #[must_use]
    pub fn new(name: impl Into<String>, operations: u64) -> Self {
        Self { name: name.into(), operations, clock: ClockId::Monotonic, contestants: Vec::new() }
    }

    /// Counts the processor time of this thread alone: for contestants who do all their work on it. Others who use the machine
    /// then only disturb by what they do to its caches.
    #[must_use]
    pub fn on_this_thread(mut self) -> Self {
        self.clock = ClockId::ThreadCPUTime;
        self
    }

    /// Adds a contestant.
    #[must_use]
    pub fn add(self, name: &str, run: impl FnMut() + 'a) -> Self {
        self.with(name, run, |_| {})
    }

    /// Adds one that is to take at most `target` times as long as the first one.
    #[must_use]
    pub fn add_under(self, target: f64, name: &str, run: impl FnMut() + 'a) -> Self {
        self.with(name, run, |contestant| contestant.target = Some(target))
    }

    /// Adds one whose result is shown as operations in a second.
    #[must_use]
    pub fn add_rate(self, name: &str, run: impl FnMut() + 'a) -> Self {
        self.with(name, run, |contestant| contestant.is_rate = true)
    }

    fn with(mut self, name: &str, run: impl FnMut() + 'a, set: impl FnOnce(&mut Contestant<'a>)) -> Self {
        let run = Box::new(run);
        let mut contestant = Contestant { name: name.to_owned(), target: None, is_rate: false, run, times: Vec::new() };
        set(&mut contestant);
        self.contestants.push(contestant);
        self
    }

    /// Lets them take turns, and gives a row for each.
    #[must_use]
    pub fn hold(mut self, scale: Scale) -> Vec<Row> {
        let begun = Instant::now();
        let mut round = 0;
        while round < scale.rounds || begun.elapsed() < scale.time {
            self.round(round);
            round += 1;
        }
        let base = self.contestants.first().map(|first| first.times.clone()).unwrap_or_default();
        let rows = self.contestants.iter().enumerate().map(|(at, contestant)| {
            let mut ratios: Vec<f64> = contestant.times.iter().zip(&base).map(|(time, base)| time / base).collect();
            let mut times = contestant.times.clone();
            Row {
                contest: self.name.clone(),
                name: contestant.name.clone(),
                nanos: quantile(&mut times, 0.5),
                is_rate: contestant.is_rate,
                ratio: (at > 0).then(|| [0.5, 0.25, 0.75].map(|part| quantile(&mut ratios, part))),
                target: contestant.target,
            }
        });
        rows.collect()
    }

    /// One run of each. Another one begins each time, so that nobody always comes after the same one; and each has its data out of
    /// memory before it is timed, because hot keys are not read once in a while.
    fn round(&mut self, round: usize) {
        let count = self.contestants.len();
        for at in 0..count {
            let contestant = &mut self.contestants[(round + at) % count];
            (contestant.run)();
            let begun = nanos(self.clock);
            (contestant.run)();
            contestant.times.push((nanos(self.clock) - begun) / self.operations as f64);
        }
    }
}

impl fmt::Debug for Contest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contest").field("name", &self.name).finish_non_exhaustive()
    }
}

fn nanos(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// The value below which `part` of all values lie.
fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    #[allow(clippy::cast_sign_loss, reason = "neither is negative")]
    let at = ((values.len() - 1) as f64 * part).round() as usize;
    values[at]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The machine gets slower and slower; the second one always takes twice the first one's time.
        let (mut slow, mut twice) = (0, 0);
        let spin = |micros: u64| {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_micros(micros) {}
        };
        let contest = Contest::new("spin", 1)
            .add("once", || {
                slow += 20;
                spin(slow);
            })
            .add("twice", || {
                twice += 20;
                spin(2 * twice);
            });
        let rows = contest.hold(Scale { rounds: 51, time: Duration::ZERO });
        assert_eq!(rows[0].ratio, None);
        let [median, ..] = rows[1].ratio.expect("only the first has none");
        assert!((1.8..2.2).contains(&median), "{median}");
    }

    #[test]
    fn quantiles_are_of_the_sorted_values() {
        let mut values = [5.0, 1.0, 4.0, 2.0, 3.0];
        let quantiles = [0.0, 0.25, 0.5, 1.0].map(|part| quantile(&mut values, part).to_string());
        assert_eq!(quantiles, ["1", "2", "3", "5"]);
    }
}
