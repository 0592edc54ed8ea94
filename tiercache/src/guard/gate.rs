//! The gate of writes: an L2 that is out of memory is asked for what it has, and told what is invalid, but given nothing to keep.
//!
//! Now and then one write is let through, to see whether there is room again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::pause::Pauses;
use crate::error::{Error, ErrorKind, Result};

const FIRST_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct WriteGate {
    /// What every write looks at.
    shut: AtomicBool,
    state: Mutex<State>,
    skipped: AtomicU64,
}

struct State {
    pauses: Pauses,
    /// When the next write is let through.
    next: Option<Instant>,
}

impl WriteGate {
    pub(super) fn new(longest: Duration) -> Self {
        let state = State { pauses: Pauses::new(FIRST_PAUSE, longest), next: None };
        Self { shut: AtomicBool::new(false), state: Mutex::new(state), skipped: AtomicU64::new(0) }
    }

    pub(super) fn is_shut(&self) -> bool {
        self.shut.load(Relaxed)
    }

    /// Writes that were not even tried.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped.load(Relaxed)
    }

    /// Whether a write may be tried.
    ///
    /// # Errors
    ///
    /// `ErrorKind::OutOfMemory` if not.
    pub(super) fn admit(&self, now: impl FnOnce() -> Instant) -> Result<()> {
        if !self.is_shut() || self.lock().lets_one_through(now()) {
            return Ok(());
        }
        self.skipped.fetch_add(1, Relaxed);
        Err(Error::new(ErrorKind::OutOfMemory, "L2 is given nothing to keep for now: it was out of memory"))
    }

    /// Notes how a write ended.
    pub(super) fn note<T>(&self, written: &Result<T>, now: impl FnOnce() -> Instant) {
        match written {
            Ok(_) if self.is_shut() => self.open(),
            Err(error) if error.kind() == ErrorKind::OutOfMemory => self.shut(now()),
            // Nothing else says whether there is room.
            _ => {}
        }
    }

    fn open(&self) {
        let mut state = self.lock();
        if state.next.take().is_some() {
            state.pauses.begin_anew();
            self.shut.store(false, Relaxed);
            tracing::info!("L2 has room again: values are kept in it");
        }
    }

    fn shut(&self, now: Instant) {
        let mut state = self.lock();
        if state.next.is_none() {
            state.next = Some(now + state.pauses.next());
            self.shut.store(true, Relaxed);
            tracing::warn!("L2 is out of memory: it is read, but values are kept in this process only");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lets_one_through(&mut self, now: Instant) -> bool {
        let due = self.next.is_none_or(|next| now >= next);
        if due && self.next.is_some() {
            self.next = Some(now + self.pauses.next());
        }
        due
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
        let gate = WriteGate::new(Duration::from_secs(4));
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
        let gate = WriteGate::new(Duration::from_secs(4));
        gate.note::<()>(&Err(Error::new(ErrorKind::Timeout, "slow")), Instant::now);
        assert!(!gate.is_shut());
        gate.note(&full(), Instant::now);
        gate.note::<()>(&Err(Error::new(ErrorKind::Timeout, "slow")), Instant::now);
        assert!(gate.is_shut());
    }
}
