//! One call, handled differently: `get_user(1).refreshed().await`.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::cache::{Mode, Report};
use crate::stats::Source;

/// How one call was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    source: Source,
}

impl Outcome {
    /// Where the answer came from.
    pub fn source(&self) -> Source {
        self.source
    }
}

/// Handles one call of a cached function differently. What is said holds for the first cached call that the future makes.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> tiercache::Result<()> {
/// # #[cfg(feature = "macros")] {
/// use tiercache::{Cache, CallExt, Source, cached};
///
/// #[cached(ttl = 60)]
/// async fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// let cache = Cache::builder().build().await?;
/// cache.scope(async {
///     let (nine, outcome) = square(3).with_outcome().await;
///     assert_eq!((nine, outcome.unwrap().source()), (9, Source::Loader));
///     let (_, outcome) = square(3).with_outcome().await;
///     assert_eq!(outcome.unwrap().source(), Source::L1);
///     square(3).refreshed().await;
/// }).await;
/// # } Ok(()) }
/// ```
pub trait CallExt: Future + Sized {
    /// Does not read: runs the body and stores what it gives.
    fn refreshed(self) -> Adjusted<Self> {
        Adjusted::new(self, Adjustment { mode: Mode::Refreshed, report: None })
    }

    /// Neither reads nor stores.
    fn uncached(self) -> Adjusted<Self> {
        Adjusted::new(self, Adjustment { mode: Mode::Uncached, report: None })
    }

    /// Also tells how the call was answered; `None` if the future made no cached call.
    fn with_outcome(self) -> WithOutcome<Self> {
        let report = Report::default();
        // An adjustment within goes on: this one only listens.
        let adjustment = Adjustment { mode: Mode::Usual, report: Some(Arc::clone(&report)) };
        WithOutcome { call: Adjusted::new(self, adjustment), report }
    }
}

impl<F: Future> CallExt for F {}

/// Set by the first adjusted call: programs without one pay a load of this.
static USED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static CURRENT: RefCell<Option<Adjustment>> = const { RefCell::new(None) };
}

/// What is said about one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Adjustment {
    pub(crate) mode: Mode,
    pub(crate) report: Option<Report>,
}

impl Adjustment {
    /// What an outer adjustment says, where this one says nothing.
    fn over(self, outer: Option<Self>) -> Self {
        let Some(outer) = outer else { return self };
        Self {
            mode: if self.mode == Mode::Usual { outer.mode } else { self.mode },
            report: self.report.or(outer.report),
        }
    }
}

/// Takes what was said about the call that begins now.
#[inline]
pub(crate) fn adjustment() -> Option<Adjustment> {
    if USED.load(Ordering::Relaxed) { CURRENT.with(RefCell::take) } else { None }
}

pin_project! {
    /// A call that is handled differently: see [`CallExt`].
    #[must_use = "a call does nothing until it is awaited"]
    pub struct Adjusted<F> {
        #[pin]
        call: F,
        adjustment: Option<Adjustment>,
    }
}

impl<F> Adjusted<F> {
    fn new(call: F, adjustment: Adjustment) -> Self {
        USED.store(true, Ordering::Relaxed);
        Self { call, adjustment: Some(adjustment) }
    }
}

impl<F> fmt::Debug for Adjusted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adjusted").field("adjustment", &self.adjustment).finish_non_exhaustive()
    }
}

impl<F: Future> Future for Adjusted<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _inside = Inside::enter(this.adjustment);
        this.call.poll(cx)
    }
}

/// What is said of a call, from the beginning of a poll to its end.
struct Inside<'a> {
    said: &'a mut Option<Adjustment>,
    /// What an outer adjusted call said and nobody has taken yet.
    outer: Option<Adjustment>,
}

impl<'a> Inside<'a> {
    fn enter(said: &'a mut Option<Adjustment>) -> Self {
        let Some(inner) = said else { return Self { said, outer: None } };
        let outer = CURRENT.with(RefCell::take);
        CURRENT.with(|current| current.replace(Some(inner.clone().over(outer.clone()))));
        Self { said, outer }
    }
}

/// Also when a poll panics: what a call has taken is used up, what nobody took holds for the next poll, here and outside.
impl Drop for Inside<'_> {
    fn drop(&mut self) {
        if self.said.is_none() {
            return;
        }
        match CURRENT.with(RefCell::take) {
            Some(_) => CURRENT.with(|current| current.replace(self.outer.take())),
            None => self.said.take(),
        };
    }
}

pin_project! {
    /// A call that tells how it was answered: see [`CallExt::with_outcome`].
    #[must_use = "a call does nothing until it is awaited"]
    pub struct WithOutcome<F> {
        #[pin]
        call: Adjusted<F>,
        report: Report,
    }
}

impl<F> fmt::Debug for WithOutcome<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithOutcome").finish_non_exhaustive()
    }
}

impl<F: Future> Future for WithOutcome<F> {
    type Output = (F::Output, Option<Outcome>);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let output = ready!(this.call.poll(cx));
        Poll::Ready((output, this.report.get().map(|&source| Outcome { source })))
    }
}
