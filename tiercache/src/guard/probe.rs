//! How L2 is found to answer again: by probes of the cache's own, and when they are made.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::Guard;
use super::breaker::{Cause, Phase, refuses};
use super::pause::Pauses;
use super::run::{closed, late};
use crate::error::{ErrorKind, Result};
use crate::stats::L2Counts;
use crate::store::Shared;
use crate::time::now;

/// Before the first probe: often nothing was wrong but a connection, on which many operations were at once.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Between the begins of two later ones, at most: as "recovers within about 2 s" asks for.
const PAUSE: Duration = Duration::from_secs(1);
/// What a probe may take beyond the deadline: it may have to connect anew.
const CONNECTING: Duration = Duration::from_secs(1);

impl Guard {
    /// Whether operations are refused as L2 has failed: one look at one word.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.inner.breaker.is_open() && !self.probes
    }

    /// The state of the breaker.
    pub(crate) fn phase(&self) -> Phase {
        self.inner.breaker.phase()
    }

    /// Whether L2 is given nothing to keep, as it was out of memory.
    pub(crate) fn is_full(&self) -> bool {
        self.inner.writes.is_shut()
    }

    /// See [`Shared::successions`].
    pub(crate) fn successions(&self) -> u64 {
        self.inner.store.shared().map_or(0, Shared::successions)
    }

    /// What was done about trouble so far.
    pub(crate) fn counts(&self) -> L2Counts {
        L2Counts {
            is_open: self.is_open(),
            breaker_opened: self.inner.breaker.opened(),
            retries: self.inner.repeats.load(Relaxed),
            writes_skipped: self.inner.writes.skipped(),
            ..L2Counts::default()
        }
    }

    /// Waits until there is something to do for who looks after L2: the breaker has opened, or somebody has called
    /// [`Guard::wake`].
    pub(crate) async fn work(&self) {
        self.inner.breaker.opening().await;
    }

    /// Wakes who looks after L2.
    pub(crate) fn wake(&self) {
        self.inner.breaker.wake();
    }

    /// The same L2, also while the breaker is open.
    pub(crate) fn probing(&self) -> Self {
        Self { probes: true, ..self.clone() }
    }

    /// Asks L2 whether it answers, over a new connection if the old one has been silent; half-opens the breaker if it is open.
    pub(crate) async fn probe(&self) -> Result<()> {
        self.inner.breaker.begin_probe();
        self.inner.store.renew();
        let within = self.inner.limits.deadline + CONNECTING;
        let store = Arc::clone(&self.inner.store);
        let begun = now();
        let task = self.inner.io.spawn(async move {
            tokio::time::timeout(within, store.ping()).await.unwrap_or_else(|_| Err(late(within)))
        });
        match self.noted(begun, task.await.unwrap_or_else(|_| Err(closed()))) {
            // An answer all the same: what else it permits is found out by asking for it.
            Err(error) if error.kind() == ErrorKind::Forbidden => Ok(()),
            answer => answer,
        }
    }

    /// Closes the breaker if all went well; else it stays open.
    pub(crate) fn probed(&self, result: &Result<()>) {
        self.inner.breaker.end_probe(result);
    }

    /// When L2 is asked whether it answers again.
    pub(crate) fn schedule(&self) -> Schedule {
        Schedule::new(self.inner.limits.longest_pause)
    }
}

/// When probes are made. Soon, and then about once a second; of an L2 that refuses us ever more seldom, as that needs a person.
#[derive(Debug)]
pub(crate) struct Schedule {
    quick: Pauses,
    slow: Pauses,
    closed_at: Option<Instant>,
}

impl Schedule {
    fn new(longest: Duration) -> Self {
        Self { quick: Pauses::new(FIRST_PAUSE, PAUSE), slow: Pauses::new(PAUSE, longest), closed_at: None }
    }

    /// The time from the begin of a probe, or from the opening, to the next one.
    pub(crate) fn pause(&mut self, cause: &Cause) -> Duration {
        if refuses(cause) { self.slow.next() } else { self.quick.next() }
    }

    /// The breaker was closed.
    pub(crate) fn closed(&mut self, now: Instant) {
        self.closed_at = Some(now);
    }

    /// The breaker has opened. If it was closed for only a while, the pauses grow on: an L2 that answers a probe and refuses all else
    /// is no better than one that refuses that too.
    pub(crate) fn opened(&mut self, now: Instant) {
        let Some(closed) = self.closed_at.take() else { return };
        for pauses in [&mut self.quick, &mut self.slow] {
            if now.duration_since(closed) > pauses.grown() {
                pauses.begin_anew();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> Schedule {
        Schedule::new(Duration::from_secs(30))
    }

    fn cause(kind: ErrorKind) -> Cause {
        Cause { kind, text: String::new() }
    }

    #[test]
    fn what_does_not_answer_is_probed_soon_and_then_once_a_second_for_ever() {
        let mut schedule = schedule();
        assert!(schedule.pause(&cause(ErrorKind::Timeout)) <= FIRST_PAUSE);
        for probe in 1..20 {
            let pause = schedule.pause(&cause(ErrorKind::Timeout));
            assert!(pause <= PAUSE && (probe < 4 || pause >= PAUSE / 2), "{pause:?}");
        }
    }

    #[test]
    fn who_refuses_us_is_asked_seldom() {
        let mut schedule = schedule();
        let mut at = Duration::ZERO;
        let mut probes = 0;
        while at < Duration::from_secs(10) {
            at += schedule.pause(&cause(ErrorKind::Refused));
            probes += 1;
        }
        assert!(probes <= 5, "{probes}");
    }

    #[test]
    fn pauses_begin_anew_only_after_a_time_that_went_well() {
        let (mut schedule, now) = (schedule(), Instant::now());
        let mut last = Duration::ZERO;
        for _ in 0..5 {
            last = schedule.pause(&cause(ErrorKind::Refused));
            schedule.closed(now);
            schedule.opened(now + Duration::from_millis(500));
        }
        assert!(last >= Duration::from_secs(12), "{last:?}");
        schedule.closed(now);
        schedule.opened(now + Duration::from_secs(60));
        assert!(schedule.pause(&cause(ErrorKind::Refused)) <= PAUSE);
    }
}
