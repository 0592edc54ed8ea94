//! Pauses between attempts: each twice the one before, and shortened by chance, so that a fleet does not come back in step.

use std::time::Duration;

/// What a pause is shortened by, at most.
const JITTER: f64 = 0.25;

/// How long to wait before the next attempt.
#[derive(Clone, Debug)]
pub(crate) struct Pauses {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Pauses {
    /// Pauses that grow from `first` to `longest`, which may be the shorter one: then all are of that length.
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        let first = first.min(longest);
        Self { first, longest, next: first }
    }

    /// The next pause. Never longer than the longest, and not shorter than three quarters of what it grew to.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause.mul_f64(1.0 - JITTER * fastrand::f64())
    }

    /// What the pauses have grown to.
    pub(crate) fn grown(&self) -> Duration {
        self.next
    }

    /// Begins with the first one again.
    pub(crate) fn begin_anew(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_only_shortened_by_chance() {
        let secs = Duration::from_secs;
        let mut pauses = Pauses::new(secs(1), secs(30));
        for grown in [1, 2, 4, 8, 16, 30, 30].map(secs) {
            let pause = pauses.next();
            assert!(pause <= grown && pause >= grown.mul_f64(1.0 - JITTER), "{pause:?} of {grown:?}");
        }
        pauses.begin_anew();
        assert!(pauses.next() <= secs(1));
    }

    #[test]
    fn a_longest_pause_below_the_first_bounds_that_too() {
        assert!(Pauses::new(Duration::from_secs(1), Duration::from_millis(100)).next() <= Duration::from_millis(100));
    }
}
