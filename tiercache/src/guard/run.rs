//! How an operation is run: on the cache's own thread, under the deadline, once or again, and noted.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::repeat::{may_pass, repeat};
use super::rights::Right;
use super::{Guard, Limits};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Reading, Stamps, Store};
use crate::time::now;

/// How much later than at its deadline an operation ends in a process that runs, however busy it is.
const OVERSLEPT: Duration = Duration::from_millis(500);

impl Guard {
    /// Whether L2 may be asked now.
    pub(super) fn admit(&self) -> Result<()> {
        if self.is_open() { Err(self.inner.breaker.refusal()) } else { Ok(()) }
    }

    /// Reads in the caller's task where that can be done, and repeats it on the cache's own thread.
    pub(super) async fn read_here_or_there(&self, key: Arc<str>, stamps: Stamps) -> Result<Reading> {
        let Limits { deadline, mut retries, .. } = self.inner.limits;
        let begun = now();
        if let Some(read) = self.inner.store.read_here(&key, &stamps) {
            let result = self.inner.reads.keep(read).await.unwrap_or_else(|| Err(late(deadline)));
            if retries == 0 || !matches!(&result, Err(error) if may_pass(error.kind())) {
                return self.noted(begun, result);
            }
            // The first repeat: most likely over a new connection.
            retries -= 1;
            self.inner.repeats.fetch_add(1, Relaxed);
        }
        let read = move |store: Arc<dyn Store>| {
            let (key, stamps) = (Arc::clone(&key), stamps.clone());
            async move { store.read(&key, &stamps).await }
        };
        self.repeated(begun, retries, read).await
    }

    /// Runs what is not to be done twice.
    pub(super) async fn run<T, F>(&self, op: impl FnOnce(Arc<dyn Store>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.admit()?;
        self.carry_out(now(), op(Arc::clone(&self.inner.store))).await
    }

    /// Runs what gives L2 something to keep, once.
    pub(super) async fn run_write<T, F>(&self, right: Right, op: impl FnOnce(Arc<dyn Store>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let writing = async {
            self.inner.writes.admit(now)?;
            let written = self.run(op).await;
            self.inner.writes.note(&written, now);
            written
        };
        self.by_right(right, pin!(writing)).await
    }

    /// Runs what keeps what a load gave, once.
    pub(super) async fn run_fill<T, F>(&self, op: impl FnOnce(Arc<dyn Store>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.in_budget(pin!(self.run_write(Right::Fill, op))).await
    }

    /// Runs what a heartbeat needs, once.
    pub(super) async fn run_watch<T, F>(&self, op: impl FnOnce(Arc<dyn Store>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.by_right(Right::Watch, pin!(self.run(op))).await
    }

    /// Runs what may be done twice.
    pub(super) async fn run_twice<T, F>(&self, op: impl Fn(Arc<dyn Store>) -> F + Send + 'static) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.admit()?;
        self.repeated(now(), self.inner.limits.retries, op).await
    }

    /// Runs what was `begun` already, up to so many times more.
    async fn repeated<T, F>(
        &self,
        begun: Instant,
        times: u32,
        op: impl Fn(Arc<dyn Store>) -> F + Send + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let told = Arc::clone(&self.inner);
        let repeated = move || {
            told.repeats.fetch_add(1, Relaxed);
        };
        self.carry_out(begun, async move { repeat(times, repeated, move || op(Arc::clone(&inner.store))).await }).await
    }

    /// Runs what can be done without, as it may be forbidden by itself: its failure says nothing of the rest.
    pub(super) async fn run_aside<T, F>(&self, op: impl FnOnce(Arc<dyn Store>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.admit()?;
        self.counted(self.on_thread(self.inner.limits.deadline, op(Arc::clone(&self.inner.store))).await)
    }

    /// Runs `op`, which was `begun` already or is now, for what is left of the deadline, and notes how it ended.
    async fn carry_out<T>(&self, begun: Instant, op: impl Future<Output = Result<T>> + Send + 'static) -> Result<T>
    where
        T: Send + 'static,
    {
        let spent = now().saturating_duration_since(begun);
        let result = self.on_thread(self.inner.limits.deadline.saturating_sub(spent), op).await;
        self.noted(begun, result)
    }

    /// Runs `op` on the cache's own thread.
    async fn on_thread<T>(&self, within: Duration, op: impl Future<Output = Result<T>> + Send + 'static) -> Result<T>
    where
        T: Send + 'static,
    {
        let deadline = self.inner.limits.deadline;
        let task = self
            .inner
            .io
            .spawn(async move { tokio::time::timeout(within, op).await.unwrap_or_else(|_| Err(late(deadline))) });
        task.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Counts the failure of what was begun at `begun`, and lets the breaker judge. One that comes long after the deadline says that this
    /// process stood still, and nothing of L2: also that a connection was lost meanwhile is for the next operation to find out. Else a
    /// process that goes on after a pause would take itself for cut off, and serve what it must not after that time.
    pub(super) fn noted<T>(&self, begun: Instant, result: Result<T>) -> Result<T> {
        let took = now().saturating_duration_since(begun);
        if !overslept(&result, took, self.inner.limits.deadline) {
            self.inner.breaker.note(&result);
        }
        self.counted(result)
    }

    fn counted<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.inner.errors.count(error.kind());
            tracing::debug!(error = %error, "L2 operation failed");
        }
        result
    }
}

fn overslept<T>(result: &Result<T>, took: Duration, deadline: Duration) -> bool {
    result.is_err() && took >= deadline + OVERSLEPT
}

pub(super) fn late(deadline: Duration) -> Error {
    Error::new(ErrorKind::Timeout, format!("L2 did not answer within {deadline:?}"))
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::NotInstalled, "the cache is closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failure_long_after_the_deadline_says_nothing_of_l2() {
        let deadline = Duration::from_millis(100);
        let (timeout, lost) = (ErrorKind::Timeout, ErrorKind::Unavailable);
        for (kind, took, expected) in
            [(timeout, 101, false), (timeout, 3_000, true), (lost, 101, false), (lost, 3_000, true)]
        {
            let failed: Result<()> = Err(Error::new(kind, "trouble"));
            assert_eq!(overslept(&failed, Duration::from_millis(took), deadline), expected, "{kind:?} after {took} ms");
        }
        assert!(!overslept(&Ok(()), Duration::from_secs(3), deadline), "an answer is an answer");
    }
}
