//! Whether a leader still comes when it is woken.

use crate::sync::{AtomicU32, Ordering};

/// The load is being polled.
const POLLED: u32 = 1;
/// It has been woken since its last poll began.
const WOKEN: u32 = 1 << 1;
/// One beat has found it woken and not polled; counted in the bits from here up.
const BEAT: u32 = 1 << 2;

/// A leader's sign of life: set by its wakers and its polls, read by the sweep.
///
/// A poll clears it, so a leader that is woken all the time and comes each time is never taken for one that is gone; a long
/// poll is no absence either.
pub(super) struct Pulse(AtomicU32);

impl Pulse {
    /// Of a load that waits for nothing yet.
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Of one that has been told to come.
    pub(super) fn called() -> Self {
        Self(AtomicU32::new(WOKEN))
    }

    pub(super) fn wake(&self) {
        self.0.fetch_or(WOKEN, Ordering::AcqRel);
    }

    pub(super) fn begin_poll(&self) {
        // A store would do, but loom then lets a beat that came before it win over it.
        self.0.swap(POLLED, Ordering::AcqRel);
    }

    pub(super) fn end_poll(&self) {
        self.0.fetch_and(!POLLED, Ordering::AcqRel);
    }

    /// One beat of the sweep: how many in a row, with this one, have found the leader woken and not polled.
    pub(super) fn beat(&self) -> u32 {
        let absent = |pulse: u32| (pulse & (POLLED | WOKEN) == WOKEN).then(|| pulse.wrapping_add(BEAT));
        match self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, absent) {
            Ok(before) => before / BEAT + 1,
            Err(_) => 0,
        }
    }
}
