//! Warming up: many calls, some at a time.

use std::fmt;
use std::future::Future;
use std::iter::Fuse;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::stream::FuturesUnordered;
use pin_project_lite::pin_project;

use crate::cache::Cache;
use crate::install::Inside;

const DEFAULT_CONCURRENCY: usize = 16;
/// Calls that may end in one poll before other tasks have their turn: hits never wait.
const AT_ONCE: usize = 128;

/// What a call gives, of an iterator of calls.
type Output<I> = <<I as Iterator>::Item as Future>::Output;
/// What says of an output whether it is a failure, and what progress is told to, until the caller gives others.
type NoFailure<I> = fn(&Output<I>) -> bool;
type NoListener = fn(Progress);

/// How far a warm-up is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Calls that have ended, the failed ones included.
    pub done: usize,
    /// Those of them that have failed, if [`Warm::failed_if`] says what that is.
    pub failed: usize,
    /// All calls, if the iterator knew their number.
    pub total: Option<usize>,
}

impl Cache {
    /// Makes many calls of cached functions in this cache, 16 at a time, and drops what they give: at startup, before the first
    /// user waits for any of them. A value that a tier has is not loaded again.
    ///
    /// Calls are taken from the iterator only when there is room for them, so it may be long.
    ///
    /// ```
    /// # #[cfg(feature = "macros")] mod example { use tiercache::cached;
    /// #[cached(ttl = 300)]
    /// async fn user_name(id: u64) -> Result<String, std::io::Error> {
    ///     Ok(format!("user {id}")) // a query, usually
    /// }
    /// # #[tokio::main(flavor = "current_thread")] pub async fn main() -> tiercache::Result<()> {
    /// # let cache = tiercache::Cache::builder().build().await?;
    /// let warmed = cache
    ///     .warm((1..=1_000).map(user_name))
    ///     .concurrency(32)
    ///     .failed_if(Result::is_err)
    ///     .progress(|progress| if progress.done % 100 == 0 { println!("{progress:?}") })
    ///     .await;
    /// assert_eq!((warmed.done, warmed.failed, warmed.total), (1_000, 0, Some(1_000)));
    /// # Ok(()) } }
    /// # #[cfg(feature = "macros")] fn main() { example::main().unwrap() }
    /// # #[cfg(not(feature = "macros"))] fn main() {}
    /// ```
    ///
    /// # Panics
    ///
    /// As the calls do: a panic of one ends the warm-up.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped, it drops the calls under way and makes no more. What they have stored stays.
    pub fn warm<I>(&self, calls: I) -> Warm<I::IntoIter, NoFailure<I::IntoIter>, NoListener>
    where
        I: IntoIterator<Item: Future>,
    {
        let calls = calls.into_iter();
        let total = match calls.size_hint() {
            (least, Some(most)) if least == most => Some(most),
            _ => None,
        };
        Warm {
            cache: self.clone(),
            calls: calls.fuse(),
            running: FuturesUnordered::new(),
            concurrency: DEFAULT_CONCURRENCY,
            progress: Progress { total, ..Progress::default() },
            failed: |_| false,
            tell: |_| {},
        }
    }
}

pin_project! {
    /// A warm-up: see [`Cache::warm`]. Awaited, it gives the last [`Progress`].
    #[must_use = "nothing is called until it is awaited"]
    pub struct Warm<I, Failed, Tell>
    where
        I: Iterator,
    {
        cache: Cache,
        calls: Fuse<I>,
        running: FuturesUnordered<I::Item>,
        concurrency: usize,
        progress: Progress,
        failed: Failed,
        tell: Tell,
    }
}

impl<I: Iterator<Item: Future>, Failed, Tell> Warm<I, Failed, Tell> {
    /// How many calls run at a time (16); at least one does.
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls.max(1);
        self
    }

    /// Counts an output as failed if `failed` says so, such as `Result::is_err` (none does).
    pub fn failed_if<F: FnMut(&Output<I>) -> bool>(self, failed: F) -> Warm<I, F, Tell> {
        let Self { cache, calls, running, concurrency, progress, failed: _, tell } = self;
        Warm { cache, calls, running, concurrency, progress, failed, tell }
    }

    /// Is called after each call that has ended.
    pub fn progress<F: FnMut(Progress)>(self, tell: F) -> Warm<I, Failed, F> {
        let Self { cache, calls, running, concurrency, progress, failed, tell: _ } = self;
        Warm { cache, calls, running, concurrency, progress, failed, tell }
    }
}

impl<I, Failed, Tell> Future for Warm<I, Failed, Tell>
where
    I: Iterator<Item: Future>,
    Failed: FnMut(&Output<I>) -> bool,
    Tell: FnMut(Progress),
{
    type Output = Progress;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Progress> {
        let this = self.project();
        let _inside = Inside::enter(Some(this.cache.clone()));
        for _ in 0..AT_ONCE {
            while this.running.len() < *this.concurrency
                && let Some(call) = this.calls.next()
            {
                this.running.push(call);
            }
            let Some(output) = ready!(Pin::new(&mut *this.running).poll_next(cx)) else {
                return Poll::Ready(*this.progress);
            };
            this.progress.done += 1;
            this.progress.failed += usize::from((this.failed)(&output));
            (this.tell)(*this.progress);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<I: Iterator, Failed, Tell> fmt::Debug for Warm<I, Failed, Tell> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warm").field("progress", &self.progress).finish_non_exhaustive()
    }
}
