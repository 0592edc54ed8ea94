//! How an operation is run: on the cache's own thread, under the deadline, once or again, and noted.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Guard;
use super::repeat::repeat;
use crate::error::{Error, ErrorKind, Result};
use crate::store::Store;
use crate::time::now;

impl Guard {
    /// Whether L2 may be asked now.
    pub(super) fn admit(&self) -> Result<()> {
        if self.is_open() { Err(self.inner.breaker.refusal()) } else { Ok(()) }
    }

    /// Runs what is not to be done twice.
    pub(super) async fn run<T, F>(&self, op: impl FnOnce(Arc<dyn Store>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.admit()?;
        self.carry_out(self.inner.limits.deadline, op(Arc::clone(&self.inner.store))).await
    }

    /// Runs what gives L2 something to keep, once.
    pub(super) async fn run_write<T, F>(&self, op: impl FnOnce(Arc<dyn Store>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.admit()?;
        self.inner.writes.admit(now)?;
        let written = self.run(op).await;
        self.inner.writes.note(&written, now);
        written
    }

    /// Runs what may be done twice.
    pub(super) async fn run_twice<T, F>(&self, op: impl Fn(Arc<dyn Store>) -> F + Send + 'static) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.admit()?;
        self.repeated(self.inner.limits.deadline, self.inner.limits.retries, op).await
    }

    pub(super) async fn repeated<T, F>(
        &self,
        within: Duration,
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
        self.carry_out(within, async move { repeat(times, repeated, move || op(Arc::clone(&inner.store))).await }).await
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

    /// Runs `op` and notes how it ended.
    async fn carry_out<T>(&self, within: Duration, op: impl Future<Output = Result<T>> + Send + 'static) -> Result<T>
    where
        T: Send + 'static,
    {
        self.noted(self.on_thread(within, op).await)
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

    /// Counts a failure, and lets the breaker judge.
    pub(super) fn noted<T>(&self, result: Result<T>) -> Result<T> {
        self.inner.breaker.note(&result);
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

pub(super) fn late(deadline: Duration) -> Error {
    Error::new(ErrorKind::Timeout, format!("L2 did not answer within {deadline:?}"))
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::NotInstalled, "the cache is closed")
}
