//! How far L2 and bodies are trusted: failures, retries, loads at once.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{Error, Result};
use crate::guard;

use super::Cache;
use super::builder::CacheBuilder;
use super::freshness::is_inside;
use super::timeout::{First, first};

const DEFAULT_RETRIES: u32 = 1;
const DEFAULT_BREAKER_FAILURES: u32 = 5;
const DEFAULT_BREAKER_MAX: Duration = Duration::from_secs(30);

/// The places of loads that may run at once.
pub(super) struct Places {
    free: Semaphore,
    /// How long a load waits for one.
    patience: Duration,
}

/// What was set; the rest has defaults.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    pub(super) retries: Option<u32>,
    pub(super) breaker_failures: Option<u32>,
    pub(super) breaker_max: Option<Duration>,
    pub(super) max_loads: Option<usize>,
}

impl CacheBuilder {
    /// How long an operation of L2 may take before the call goes on without it (100 ms).
    ///
    /// A call makes several: it reads, asks for the right to load, and stores. For all of them together its caller waits one and a half times
    /// as long at most; then the body runs without L2, or what it gave is stored without its caller. A batch waits once for all its elements.
    /// Waiting for another instance's load does not count, and what is invalidated or committed is always waited for.
    pub fn l2_deadline(mut self, deadline: Duration) -> Self {
        self.l2_deadline = Some(deadline);
        self
    }

    /// How often an operation of L2 that may be done twice is repeated when its connection breaks or the server cannot serve for a moment,
    /// within its deadline (1).
    pub fn l2_retries(mut self, times: u32) -> Self {
        self.limits.retries = Some(times);
        self
    }

    /// As many failures of L2 in a row open its circuit breaker (5): then calls go on without it and pay nothing for it, until it has been
    /// found to answer again, by probes about once a second. An L2 that refuses us opens it at once.
    pub fn l2_breaker_failures(mut self, failures: u32) -> Self {
        self.limits.breaker_failures = Some(failures);
        self
    }

    /// The longest time until an L2 that refuses us, or that is out of memory, is tried again (30 s); it grows from 1 s.
    pub fn l2_breaker_max(mut self, time: Duration) -> Self {
        self.limits.breaker_max = Some(time);
        self
    }

    /// How many bodies run at once (any number). Further loads wait for their turn; callers of one key wait together.
    ///
    /// A body that runs inside another one's does not count: it would wait for what waits for it. One that it starts in a task
    /// of its own counts, so a body should not wait for such tasks: they may wait for its place. A load that has waited for its turn for
    /// [`wait_limit`](Self::wait_limit) runs all the same, so that ends.
    pub fn max_loads(mut self, loads: usize) -> Self {
        self.limits.max_loads = Some(loads);
        self
    }
}

impl Limits {
    /// What the guard of L2 is given.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Config` for a limit of 0 where that leaves nothing.
    pub(super) fn of_l2(&self, deadline: Duration) -> Result<guard::Limits> {
        let failures = self.breaker_failures.unwrap_or(DEFAULT_BREAKER_FAILURES);
        if failures == 0 {
            return Err(Error::config("an l2_breaker_failures of 0 would never ask L2: leave L2 out instead"));
        }
        let longest_pause = self.breaker_max.unwrap_or(DEFAULT_BREAKER_MAX);
        if longest_pause.is_zero() {
            return Err(Error::config("an l2_breaker_max of 0 would ask a failed L2 without end: give it some time"));
        }
        Ok(guard::Limits { deadline, retries: self.retries.unwrap_or(DEFAULT_RETRIES), failures, longest_pause })
    }

    /// A place for each load that may run at once.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Config` if there is none.
    pub(super) fn loads(&self, patience: Duration) -> Result<Option<Places>> {
        match self.max_loads {
            Some(0) => Err(Error::config("a max_loads of 0 lets no body run: give it some, or leave it out")),
            loads => {
                Ok(loads.map(|loads| Places { free: Semaphore::new(loads.min(Semaphore::MAX_PERMITS)), patience }))
            }
        }
    }
}

impl Cache {
    /// A place among the loads that may run at once, held until it is dropped; none where they are not counted, and for who has waited too
    /// long: what it waits for may wait for it.
    ///
    /// Cancel safe: who goes away leaves the queue.
    pub(super) async fn place_of_load(&self) -> Option<SemaphorePermit<'_>> {
        let Places { free, patience } = self.inner.loads.as_ref().filter(|_| !is_inside())?;
        if let Ok(place) = free.try_acquire() {
            return Some(place);
        }
        match first(pin!(free.acquire()), pin!(self.sleep(*patience))).await {
            // Never closed.
            First::One(place) => place.ok(),
            First::Other(()) => None,
        }
    }
}
