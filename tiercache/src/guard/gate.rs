//! Gates: an L2 that serves, but refuses one kind of operation, is spared that kind.
//!
//! One that is out of memory is asked for what it has, and told what is invalid, but given nothing to keep. One whose user may not do
//! something is asked for the rest. Now and then one operation is let through, to see whether it is still so.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::pause::Pauses;
use crate::error::{Error, ErrorKind, Result};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// A gate that shuts and opens again and again fills no log.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

pub(super) struct Gate {
    /// The operations that pass here.
    what: &'static str,
    /// What shuts it.
    by: ErrorKind,
    /// What every operation looks at.
    shut: AtomicBool,
    state: Mutex<State>,
    skipped: AtomicU64,
}

struct State {
    pauses: Pauses,
    /// When the next operation is let through, and what the last one failed of.
    next: Option<(Instant, String)>,
    warned: Option<Instant>,
    /// The log knows that it is shut.
    said: bool,
}

impl Gate {
    /// A gate of the operations `what`, which errors of a kind shut.
    pub(super) fn new(what: &'static str, by: ErrorKind, longest: Duration) -> Self {
        let state = State { pauses: Pauses::new(FIRST_PAUSE, longest), next: None, warned: None, said: false };
        Self { what, by, shut: AtomicBool::new(false), state: Mutex::new(state), skipped: AtomicU64::new(0) }
    }

    pub(super) fn is_shut(&self) -> bool {
        self.shut.load(Relaxed)
    }

    /// What shut it, if it is shut.
    pub(super) fn reason(&self) -> Option<String> {
        self.lock().next.as_ref().map(|(_, reason)| format!("{}: {reason}", self.what))
    }

    /// Operations that were not even tried.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped.load(Relaxed)
    }

    /// Whether an operation may be tried.
    ///
    /// # Errors
    ///
    /// Of the kind that shut it, if not.
    pub(super) fn admit(&self, now: impl FnOnce() -> Instant) -> Result<()> {
        if !self.is_shut() {
            return Ok(());
        }
        match self.lock().refuse(now()) {
            None => Ok(()),
            Some(reason) => {
                self.skipped.fetch_add(1, Relaxed);
                Err(Error::new(self.by, format!("L2 is spared {} for now: {reason}", self.what)))
            }
        }
    }

    /// Notes how an operation ended.
    pub(super) fn note<T>(&self, ended: &Result<T>, now: impl FnOnce() -> Instant) {
        match ended {
            Ok(_) if self.is_shut() => self.open(),
            Err(error) if error.kind() == self.by => self.shut(error, now()),
            // Nothing else says whether it would be refused.
            _ => {}
        }
    }

    fn open(&self) {
        let mut state = self.lock();
        if state.next.take().is_some() {
            state.pauses.begin_anew();
            self.shut.store(false, Relaxed);
            if std::mem::take(&mut state.said) {
                tracing::info!("L2 accepts {} again", self.what);
            }
        }
    }

    fn shut(&self, error: &Error, now: Instant) {
        let mut state = self.lock();
        if let Some((_, reason)) = &mut state.next {
            *reason = error.to_string();
            return;
        }
        state.next = Some((now + state.pauses.next(), error.to_string()));
        self.shut.store(true, Relaxed);
        if state.warned.is_none_or(|at| now.duration_since(at) >= BETWEEN_WARNINGS) {
            (state.warned, state.said) = (Some(now), true);
            tracing::warn!(%error, "L2 refuses {}: they are left out, and the rest goes on", self.what);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Why an operation is not let through, if it is not.
    fn refuse(&mut self, now: Instant) -> Option<String> {
        let (next, reason) = self.next.as_mut()?;
        if now < *next {
            return Some(reason.clone());
        }
        *next = now + self.pauses.next();
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Result<()> {
        Err(Error::new(ErrorKind::OutOfMemory, "full"))
    }

    #[test]
    fn one_write_in_a_growing_while_finds_out_whether_there_is_room() {
        let gate = Gate::new("values", ErrorKind::OutOfMemory, Duration::from_secs(4));
        let mut now = Instant::now();
        assert!(gate.admit(|| now).is_ok());
        gate.note(&full(), || now);
        for pause in [1, 2, 4, 4].map(Duration::from_secs) {
            assert!(gate.admit(|| now).is_err());
            assert!(gate.admit(|| now + pause.mul_f64(0.74)).is_err());
            now += pause;
            assert!(gate.admit(|| now).is_ok(), "after {pause:?}");
            assert!(gate.admit(|| now).is_err(), "one only");
            gate.note(&full(), || now);
        }
        assert_eq!(gate.skipped(), 12);
        now += Duration::from_secs(4);
        assert!(gate.admit(|| now).is_ok());
        gate.note(&Ok(()), || now);
        assert!(!gate.is_shut() && gate.admit(|| now).is_ok());
        gate.note(&full(), || now);
        assert!(gate.admit(|| now + Duration::from_secs(1)).is_ok(), "it begins with a short pause again");
    }

    #[test]
    fn other_trouble_is_none_of_its_business() {
        let gate = Gate::new("values", ErrorKind::OutOfMemory, Duration::from_secs(4));
        gate.note::<()>(&Err(Error::new(ErrorKind::Timeout, "slow")), Instant::now);
        assert!(!gate.is_shut());
        gate.note(&full(), Instant::now);
        gate.note::<()>(&Err(Error::new(ErrorKind::Timeout, "slow")), Instant::now);
        assert!(gate.is_shut());
    }
}
