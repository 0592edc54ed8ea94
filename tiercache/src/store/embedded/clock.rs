//! The clock of stored entries: milliseconds since 1970, because no monotonic clock outlives a restart.
//!
//! The wall clock sets it once, and it runs on with the monotonic one: a wall clock that is set while the process runs
//! changes no entry's life.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::time::Moment;

/// A clock that never goes back.
#[derive(Debug, Default)]
pub(super) struct Clock {
    source: Source,
    latest: u64,
}

#[derive(Debug, Default)]
enum Source {
    /// Not looked at yet. The first look must come from the worker: under `test-util` another thread's monotonic clock may
    /// be a paused one.
    #[default]
    System,
    Running {
        wall: Duration,
        since: Moment,
    },
    #[cfg(test)]
    Manual(std::sync::Arc<std::sync::atomic::AtomicU64>),
}

impl Clock {
    #[cfg(test)]
    pub(super) fn manual(millis: &std::sync::Arc<std::sync::atomic::AtomicU64>) -> Self {
        Self { source: Source::Manual(millis.clone()), latest: 0 }
    }

    pub(super) fn now(&mut self) -> u64 {
        if let Source::System = self.source {
            self.source = Source::Running { wall: wall(), since: Moment::now() };
        }
        self.latest = self.latest.max(self.read());
        self.latest
    }

    /// What the source says, which may be earlier than what [`now`](Self::now) has said.
    pub(super) fn read(&self) -> u64 {
        match &self.source {
            Source::System => as_millis(wall()),
            Source::Running { wall, since } => as_millis(*wall + Moment::now().since(*since)),
            #[cfg(test)]
            Source::Manual(millis) => millis.load(std::sync::atomic::Ordering::SeqCst),
        }
    }

    /// Goes on from `time`, if that is later.
    pub(super) fn at_least(&mut self, time: u64) {
        self.latest = self.latest.max(time);
    }
}

fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn as_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
