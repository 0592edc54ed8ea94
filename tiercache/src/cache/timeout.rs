//! How long a caller waits for a body.
//!
//! Timers run on the cache's own thread, as the user's runtime may have none; where no cache is installed, on one of the process, made when
//! it is first needed. Under feature `test-util` they are those of the runtime
//! around, so that tests can pause them.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::Cache;
use crate::guard::Io;

/// What came first.
pub(super) enum First<A, B> {
    One(A),
    Other(B),
}

/// Waits for whichever comes first; `one`, if both have come.
pub(super) async fn first<A: Future, B: Future>(
    mut one: Pin<&mut A>,
    mut other: Pin<&mut B>,
) -> First<A::Output, B::Output> {
    poll_fn(|cx| {
        if let Poll::Ready(output) = one.as_mut().poll(cx) {
            return Poll::Ready(First::One(output));
        }
        other.as_mut().poll(cx).map(First::Other)
    })
    .await
}

/// Runs `body` for no longer than `limit`: then it is dropped, or at least not polled again, and `late` says what comes of it.
pub(crate) async fn within<F: Future>(
    cache: Option<Cache>,
    limit: Duration,
    late: fn() -> F::Output,
    body: F,
) -> F::Output {
    let io = cache.as_ref().map(|cache| Arc::clone(&cache.inner.io));
    match first(pin!(body), pin!(sleep(io, limit))).await {
        First::One(output) => output,
        First::Other(()) => late(),
    }
}

/// A task that ends with its handle.
struct Bound<T>(JoinHandle<T>);

impl<T> Drop for Bound<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Cache {
    /// Waits for `time`.
    pub(super) fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send + use<> {
        sleep(Some(Arc::clone(&self.inner.io)), time)
    }
}

/// Waits for `time`, by the clock of this thread or of the process's.
async fn sleep(io: Option<Arc<Io>>, time: Duration) {
    #[cfg(feature = "test-util")]
    if tokio::runtime::Handle::try_current().is_ok() {
        return tokio::time::sleep(time).await;
    }
    // A system that gives no thread gives no limit.
    let Some(io) = io.or_else(common) else { return std::future::pending().await };
    let mut timer = Bound(io.spawn(async move { tokio::time::sleep(time).await }));
    // The thread ends with the cache; then there is nobody to be in time for.
    let _ = (&mut timer.0).await;
}

/// The thread of timers of calls without a cache.
fn common() -> Option<Arc<Io>> {
    static COMMON: OnceLock<Option<Arc<Io>>> = OnceLock::new();
    COMMON.get_or_init(|| Io::start().ok().map(Arc::new)).clone()
}
