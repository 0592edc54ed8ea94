//! What one call waits for L2, all its operations together.
//!
//! A deadline bounds one operation. A call makes several, one after the other, and an L2 of which each is just in time would cost it their
//! sum. So what a caller waits for shares a budget: half as much again as one deadline. When it is spent, the caller goes on without L2; an
//! operation that is under way then is not broken off, only not waited for, so it says what it says of L2 by its own deadline.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use super::Guard;
use super::run::closed;
use crate::error::{Error, ErrorKind, Result};
use crate::store::Op;
use crate::time::now;

/// The time of one call, or of all elements of a batch. Operations side by side are waited for once.
#[derive(Debug)]
pub(super) struct Budget {
    whole: Duration,
    spent: Mutex<Spent>,
}

#[derive(Debug, Default)]
struct Spent {
    before: Duration,
    /// How many operations are waited for now, and since when any was.
    waiting: Option<(usize, Instant)>,
}

impl Budget {
    fn new(deadline: Duration) -> Self {
        Self { whole: deadline + deadline / 2, spent: Mutex::default() }
    }

    fn left(&self, now: Instant) -> Duration {
        self.whole.saturating_sub(self.spent().by(now))
    }

    fn begin(&self, now: Instant) {
        let mut spent = self.spent();
        let (count, since) = spent.waiting.unwrap_or((0, now));
        spent.waiting = Some((count + 1, since));
    }

    fn end(&self, now: Instant) {
        let mut spent = self.spent();
        spent.waiting = match spent.waiting {
            Some((count, since)) if count > 1 => Some((count - 1, since)),
            _ => {
                spent.before = spent.by(now);
                None
            }
        };
    }

    /// Nothing is spent.
    fn renew(&self, now: Instant) {
        let mut spent = self.spent();
        let waiting = spent.waiting.map(|(count, _)| (count, now));
        *spent = Spent { before: Duration::ZERO, waiting };
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spent {
    fn by(&self, now: Instant) -> Duration {
        self.before + self.waiting.map_or(Duration::ZERO, |(_, since)| now.saturating_duration_since(since))
    }
}

/// An operation that is waited for.
struct Waiting<'a>(&'a Budget);

impl<'a> Waiting<'a> {
    fn on(budget: &'a Budget) -> Self {
        budget.begin(now());
        Self(budget)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.end(now());
    }
}

impl Guard {
    /// The same L2 for one call, whose caller waits for it only so long, all in all.
    pub(crate) fn paced(&self) -> Self {
        Self { budget: Some(Arc::new(Budget::new(self.inner.limits.deadline))), ..self.clone() }
    }

    /// The same L2 for who is not waited for.
    pub(crate) fn unpaced(&self) -> Self {
        Self { budget: None, ..self.clone() }
    }

    /// The call has waited for something else than L2: it begins anew.
    pub(crate) fn renew_budget(&self) {
        if let Some(budget) = &self.budget {
            budget.renew(now());
        }
    }

    /// Waits for `operation` for as long as the call's budget lasts; without any, it is not begun. What runs on the cache's own thread
    /// goes on after that.
    pub(super) async fn in_budget<T>(&self, operation: Pin<&mut impl Future<Output = Result<T>>>) -> Result<T> {
        match self.left() {
            Some(left) if left.is_zero() => Err(spent()),
            left => self.wait(left, operation).await,
        }
    }

    /// Carries `operation` out, but waits for it only for as long as the call's budget lasts.
    pub(crate) async fn carry_on<T: Send + 'static>(&self, mut operation: Op<'static, T>) -> Result<T> {
        match self.left() {
            Some(left) if left < self.inner.limits.deadline => {
                let task = self.inner.io.spawn(operation);
                self.wait(Some(left), pin!(async { task.await.unwrap_or_else(|_| Err(closed())) })).await
            }
            left => self.wait(left, Pin::new(&mut operation)).await,
        }
    }

    fn left(&self) -> Option<Duration> {
        self.budget.as_ref().map(|budget| budget.left(now()))
    }

    async fn wait<T>(&self, left: Option<Duration>, operation: Pin<&mut impl Future<Output = Result<T>>>) -> Result<T> {
        let _waiting = self.budget.as_deref().map(Waiting::on);
        // Otherwise its own deadline comes first.
        let Some(left) = left.filter(|left| *left < self.inner.limits.deadline) else { return operation.await };
        // The answer, if both have come.
        match select(operation, pin!(self.pause(left))).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(spent()),
        }
    }
}

fn spent() -> Error {
    Error::new(ErrorKind::Timeout, "L2 took so long that the call goes on without it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_side_by_side_is_spent_once() {
        let (budget, begun) = (Budget::new(Duration::from_millis(100)), Instant::now());
        let at = |millis| begun + Duration::from_millis(millis);
        let left = |millis| budget.left(at(millis)).as_millis();
        assert_eq!(left(0), 150);
        budget.begin(at(10));
        budget.begin(at(20));
        assert_eq!(left(30), 130);
        budget.end(at(40));
        budget.end(at(50));
        assert_eq!(left(1_000), 110, "what is not waited for costs nothing");
        budget.begin(at(1_000));
        assert_eq!(left(2_000), 0);
        budget.renew(at(2_000));
        assert_eq!((left(2_000), left(2_060)), (150, 90));
        budget.end(at(2_100));
        assert_eq!(left(3_000), 50);
    }
}
