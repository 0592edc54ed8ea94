//! The one clock: monotonic, and running through suspend.
//!
//! A laptop that sleeps for an hour must not wake up to an hour-old value that still looks fresh, so on Linux this is
//! `CLOCK_BOOTTIME` and on macOS `CLOCK_MONOTONIC` (which counts sleep there); elsewhere the standard library's clock.
//! Under feature `test-util` it is tokio's, so that `tokio::time::{pause, advance}` move expiry.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A point of the clock, in nanoseconds since an arbitrary origin of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    #[inline]
    pub(crate) fn now() -> Self {
        Self(clock::nanos())
    }

    /// This moment, `life` later; saturates.
    pub(crate) fn after(self, life: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(life.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// This moment, `life` earlier; saturates.
    pub(crate) fn before(self, life: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(life.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The time from `earlier` until this moment; zero if it is the earlier one.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A moment that is moved while others look at it.
#[derive(Debug)]
pub(crate) struct Movable(AtomicU64);

impl From<Moment> for Movable {
    fn from(moment: Moment) -> Self {
        Self(AtomicU64::new(moment.0))
    }
}

impl Movable {
    #[inline]
    pub(crate) fn get(&self) -> Moment {
        Moment(self.0.load(Relaxed))
    }

    pub(crate) fn put(&self, moment: Moment) {
        self.0.store(moment.0, Relaxed);
    }
}

/// When something was last known to be so. By a clock that no test can pause, as it is compared with what happens elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Proof(u64);

impl Proof {
    pub(crate) fn now() -> Self {
        Self::at(Moment::now())
    }

    /// The proof of this moment, without another look at the clock where there is but one.
    #[inline]
    #[cfg(not(feature = "test-util"))]
    pub(crate) fn at(now: Moment) -> Self {
        Self(now.0)
    }

    #[cfg(feature = "test-util")]
    pub(crate) fn at(#[allow(unused_variables, reason = "used by the simulation only")] now: Moment) -> Self {
        use std::sync::OnceLock;
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        #[cfg(test)]
        if simulated::is_on() {
            return Self(now.0);
        }
        Self(u64::try_from(ORIGIN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    pub(crate) fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    pub(crate) fn nanos(self) -> u64 {
        self.0
    }

    /// Whether this proof is younger than `bound` at the time `now`.
    #[inline]
    pub(crate) fn is_within(self, bound: Duration, now: Self) -> bool {
        Duration::from_nanos(now.0.saturating_sub(self.0)) < bound
    }
}

/// The time by which deadlines of operations are kept: one that no user's test can pause.
#[inline]
pub(crate) fn now() -> Instant {
    #[cfg(all(test, feature = "test-util"))]
    if simulated::is_on() {
        return tokio::time::Instant::now().into_std();
    }
    Instant::now()
}

/// A thread all of whose time is virtual: one of its own runs every instance of a simulation, so all clocks are tokio's there.
#[cfg(all(test, feature = "test-util"))]
pub(crate) mod simulated {
    use std::cell::Cell;

    thread_local! {
        static ON: Cell<bool> = const { Cell::new(false) };
    }

    pub(crate) fn is_on() -> bool {
        ON.get()
    }

    /// From here on, on this thread.
    pub(crate) fn switch_on() {
        ON.set(true);
    }
}

#[cfg(feature = "test-util")]
mod clock {
    use std::sync::OnceLock;
    use tokio::time::Instant;

    pub(super) fn nanos() -> u64 {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        // A day before the first look, so that a paused clock that starts a little earlier still moves.
        let origin = *ORIGIN.get_or_init(|| {
            let now = Instant::now();
            now.checked_sub(std::time::Duration::from_secs(86_400)).unwrap_or(now)
        });
        u64::try_from(Instant::now().saturating_duration_since(origin).as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(all(not(feature = "test-util"), unix))]
mod clock {
    use rustix::time::{ClockId, clock_gettime};

    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: ClockId = ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: ClockId = ClockId::Monotonic;

    #[inline]
    pub(super) fn nanos() -> u64 {
        let time = clock_gettime(CLOCK);
        // Both parts of a clock since boot are positive.
        (time.tv_sec.unsigned_abs()) * 1_000_000_000 + time.tv_nsec.unsigned_abs()
    }
}

#[cfg(all(not(feature = "test-util"), not(unix)))]
mod clock {
    use std::sync::OnceLock;
    use std::time::Instant;

    pub(super) fn nanos() -> u64 {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        u64::try_from(ORIGIN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_saturate_instead_of_wrapping() {
        let now = Moment::now();
        assert_eq!(now.after(Duration::MAX), now.after(Duration::MAX).after(Duration::MAX));
        assert!(now < now.after(Duration::from_nanos(1)));
    }
}
