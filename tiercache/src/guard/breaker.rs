//! The circuit breaker: an L2 that has failed several times in a row is not asked for a while.
//!
//! Closed, everything is asked. Open, nothing is: calls go on without L2 at once, and only the cache's own task asks, now and then,
//! whether it answers again (half-open). So no caller pays for finding that out, and an open time that has grown does not
//! delay the recovery. After Nygard, *Release It!*, 2007.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::error::{Error, ErrorKind, Result};
use crate::time::now;

/// What an answer says of the server itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It answered: also that it holds something of another type, takes no more values, or does not permit just that.
    Serves,
    /// It could not be reached, was too slow, or cannot serve now.
    Fails,
    /// It refuses us: asking again soon helps nobody, and a person must act.
    Refuses,
    /// Nothing: it was not asked.
    Unknown,
}

fn verdict(kind: ErrorKind) -> Verdict {
    match kind {
        ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Overloaded | ErrorKind::Io => Verdict::Fails,
        ErrorKind::Refused => Verdict::Refuses,
        ErrorKind::WrongType | ErrorKind::Protocol | ErrorKind::OutOfMemory | ErrorKind::Forbidden => Verdict::Serves,
        _ => Verdict::Unknown,
    }
}

/// Whether L2 is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Closed,
    /// It is not, for this reason.
    Open(Cause),
    /// It is asked whether it answers again.
    HalfOpen(Cause),
}

/// What L2 failed of last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) kind: ErrorKind,
    pub(crate) text: String,
}

impl Cause {
    fn of(error: &Error) -> Self {
        Self { kind: error.kind(), text: error.to_string() }
    }
}

pub(crate) struct Breaker {
    /// As many failures in a row open it.
    most_failures: u32,
    failures: AtomicU32,
    /// Whether it is not closed: what every operation looks at.
    open: AtomicBool,
    phase: Mutex<Phase>,
    opened: AtomicU64,
    said: Mutex<Said>,
    closing: Notify,
    opening: Notify,
}

impl Breaker {
    pub(crate) fn new(most_failures: u32) -> Self {
        Self {
            most_failures,
            failures: AtomicU32::new(0),
            open: AtomicBool::new(false),
            phase: Mutex::new(Phase::Closed),
            opened: AtomicU64::new(0),
            said: Mutex::default(),
            closing: Notify::new(),
            opening: Notify::new(),
        }
    }

    /// Whether L2 is not to be asked.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Relaxed)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.lock().clone()
    }

    /// How often it has opened.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Relaxed)
    }

    /// The error of an operation that is not done.
    pub(crate) fn refusal(&self) -> Error {
        match &*self.lock() {
            Phase::Open(Cause { kind, text }) | Phase::HalfOpen(Cause { kind, text }) => {
                Error::new(*kind, format!("L2 is not asked for now, as it failed: {text}"))
            }
            // Closed since the caller looked.
            Phase::Closed => Error::new(ErrorKind::Unavailable, "L2 was not asked, as it had failed until now"),
        }
    }

    /// Notes how an operation ended. What began before it opened does not close it.
    pub(crate) fn note<T>(&self, result: &Result<T>) {
        let verdict = result.as_ref().err().map_or(Verdict::Serves, |error| verdict(error.kind()));
        let open = match verdict {
            Verdict::Serves => {
                if self.failures.load(Relaxed) != 0 {
                    self.failures.store(0, Relaxed);
                }
                false
            }
            Verdict::Fails => self.failures.fetch_add(1, Relaxed) + 1 >= self.most_failures,
            Verdict::Refuses => true,
            Verdict::Unknown => false,
        };
        if let (true, Err(error)) = (open, result) {
            self.open(Cause::of(error));
        }
    }

    fn open(&self, cause: Cause) {
        let mut phase = self.lock();
        if *phase != Phase::Closed {
            return;
        }
        self.said().opened(&cause, now());
        *phase = Phase::Open(cause);
        self.open.store(true, Relaxed);
        self.opened.fetch_add(1, Relaxed);
        drop(phase);
        self.opening.notify_one();
    }

    /// Half-opens it for a probe. Says whether there is one to be made: not while it is closed.
    pub(crate) fn begin_probe(&self) -> bool {
        let mut phase = self.lock();
        if let Phase::Open(cause) = &*phase {
            *phase = Phase::HalfOpen(cause.clone());
        }
        *phase != Phase::Closed
    }

    /// Closes it after a probe that went well; else it is open again.
    pub(crate) fn end_probe(&self, probed: &Result<()>) {
        let mut phase = self.lock();
        match probed {
            Ok(()) => {
                self.said().closed();
                self.failures.store(0, Relaxed);
                *phase = Phase::Closed;
                self.open.store(false, Relaxed);
                drop(phase);
                self.closing.notify_waiters();
            }
            Err(error) => {
                let cause = Cause::of(error);
                // Once an outage, but again when only a person can end it.
                if let Phase::Open(before) | Phase::HalfOpen(before) = &*phase
                    && refuses(&cause)
                    && !refuses(before)
                {
                    self.said().opened(&cause, now());
                }
                *phase = Phase::Open(cause);
            }
        }
    }

    /// Waits until it has opened since the last time that somebody waited here, or until [`Breaker::wake`].
    pub(crate) async fn opening(&self) {
        self.opening.notified().await;
    }

    /// Wakes who waits for it to open, for something else that they do.
    pub(crate) fn wake(&self) {
        self.opening.notify_one();
    }

    /// Waits while it is not closed.
    pub(crate) async fn until_closed(&self) {
        loop {
            // Registered before the look, so that no change between them is missed.
            let closing = self.closing.notified();
            if !self.is_open() {
                return;
            }
            closing.await;
        }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether only a person can help.
pub(crate) fn refuses(cause: &Cause) -> bool {
    verdict(cause.kind) == Verdict::Refuses
}

/// One that opens and closes again and again fills no log.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

/// What the log knows.
#[derive(Default)]
struct Said {
    /// The last warning, and whether it was that only a person can help.
    last: Option<(Instant, bool)>,
    open: bool,
}

impl Said {
    fn opened(&mut self, cause: &Cause, now: Instant) {
        let refused = refuses(cause);
        let known = |(at, same): (Instant, bool)| same == refused && now.duration_since(at) < BETWEEN_WARNINGS;
        if self.last.is_some_and(known) {
            return;
        }
        (self.last, self.open) = (Some((now, refused)), true);
        if refused {
            tracing::warn!(error = cause.text, "L2 refuses us, which needs a person: calls go on without it");
        } else {
            tracing::warn!(error = cause.text, "L2 has failed several times in a row: calls go on without it");
        }
    }

    fn closed(&mut self) {
        if std::mem::take(&mut self.open) {
            tracing::info!("L2 answers again: it is used");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use proptest::prelude::*;

    use super::*;

    fn failed(kind: ErrorKind) -> Result<()> {
        Err(Error::new(kind, "of this"))
    }

    /// One that opens after three.
    fn breaker(notes: &[Result<()>]) -> Breaker {
        let breaker = Breaker::new(3);
        for note in notes {
            breaker.note(note);
        }
        breaker
    }

    #[test]
    fn only_failures_of_the_server_in_a_row_open_it() {
        use ErrorKind::{
            Forbidden, NotInstalled, OutOfMemory, Overloaded, Protocol, Refused, Timeout, Unavailable, WrongType,
        };
        let (t, u, o) = (|| failed(Timeout), || failed(Unavailable), || failed(Overloaded));
        for (notes, open) in [
            (vec![], false),
            (vec![t(), u()], false),
            (vec![t(), u(), o()], true),
            (vec![t(), u(), Ok(()), o()], false),
            (vec![t(), u(), failed(WrongType), o()], false),
            (vec![t(), u(), failed(NotInstalled), o()], true),
            (vec![failed(Protocol), failed(Protocol), failed(Protocol)], false),
            (vec![failed(OutOfMemory), failed(OutOfMemory), failed(OutOfMemory)], false),
            (vec![failed(Forbidden), failed(Forbidden), failed(Forbidden)], false),
            (vec![failed(Refused)], true),
        ] {
            assert_eq!(breaker(&notes).is_open(), open, "{notes:?}");
        }
    }

    #[test]
    fn only_a_probe_closes_it() {
        let breaker = breaker(&[failed(ErrorKind::Refused)]);
        breaker.note(&Ok(()));
        assert!(breaker.is_open(), "an answer to what was asked before");
        assert!(breaker.begin_probe());
        assert!(matches!(breaker.phase(), Phase::HalfOpen(_)) && breaker.is_open());
        breaker.end_probe(&failed(ErrorKind::Timeout));
        assert!(matches!(breaker.phase(), Phase::Open(Cause { kind: ErrorKind::Timeout, .. })));
        assert!(breaker.begin_probe());
        breaker.end_probe(&Ok(()));
        assert!(!breaker.is_open() && breaker.phase() == Phase::Closed && !breaker.begin_probe());
        assert_eq!(breaker.opened(), 1);
        breaker.note(&failed(ErrorKind::Timeout));
        assert!(!breaker.is_open(), "it counts from nothing again");
    }

    #[tokio::test]
    async fn who_waits_for_it_hears_of_every_change() {
        let breaker = breaker(&[]);
        breaker.note(&failed(ErrorKind::Refused));
        breaker.opening().await;
        let mut closed = std::pin::pin!(breaker.until_closed());
        assert!(closed.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        breaker.begin_probe();
        breaker.end_probe(&Ok(()));
        closed.await;
    }

    #[test]
    fn one_that_opens_again_and_again_is_warned_of_once_a_minute() {
        let cause = |kind| Cause { kind, text: String::new() };
        let (mut said, now) = (Said::default(), Instant::now());
        let mut warns = |kind, seconds| {
            said.opened(&cause(kind), now + Duration::from_secs(seconds));
            let warned = said.open;
            said.closed();
            warned
        };
        assert!(warns(ErrorKind::Timeout, 0));
        assert!(!warns(ErrorKind::Unavailable, 59));
        assert!(warns(ErrorKind::Refused, 59), "that is news");
        assert!(!warns(ErrorKind::Refused, 70));
        assert!(warns(ErrorKind::Refused, 120));
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Note(Option<ErrorKind>),
        Probe(Option<ErrorKind>),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        use ErrorKind::{OutOfMemory, Refused, Timeout, WrongType};
        let result = prop::sample::select(vec![None, Some(Timeout), Some(Refused), Some(WrongType), Some(OutOfMemory)]);
        let step = prop_oneof![3 => result.clone().prop_map(Step::Note), 1 => result.prop_map(Step::Probe)];
        prop::collection::vec(step, 0..40)
    }

    proptest! {
        /// Against the rules in their plainest words.
        #[test]
        fn whatever_happens_it_is_open_exactly_when_the_rules_say_so(steps in steps()) {
            let breaker = Breaker::new(3);
            let (mut open, mut in_a_row) = (false, 0);
            for step in steps {
                match step {
                    Step::Note(kind) => {
                        breaker.note(&kind.map_or(Ok(()), failed));
                        in_a_row = if kind == Some(ErrorKind::Timeout) { in_a_row + 1 } else if kind == Some(ErrorKind::Refused) { in_a_row } else { 0 };
                        open |= in_a_row >= 3 && kind == Some(ErrorKind::Timeout) || kind == Some(ErrorKind::Refused);
                    }
                    Step::Probe(kind) => {
                        prop_assert_eq!(breaker.begin_probe(), open);
                        if open {
                            breaker.end_probe(&kind.map_or(Ok(()), failed));
                            if kind.is_none() {
                                (open, in_a_row) = (false, 0);
                            }
                        }
                    }
                }
                prop_assert_eq!(breaker.is_open(), open);
            }
        }
    }
}
