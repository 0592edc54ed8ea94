//! A simulated process: all tasks of one instance, which stand still together and end together.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};

thread_local! {
    static CURRENT: RefCell<Option<Arc<Process>>> = const { RefCell::new(None) };
}

/// A cache that is built in a task of a process does its I/O in tasks of that process.
#[derive(Debug)]
pub(crate) struct Process {
    handle: Handle,
    /// In 256 polls, how many are put off: other tasks come first then, so that any order between two awaits happens.
    hesitation: u8,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    paused: bool,
    dead: bool,
    /// Of the tasks that were to be polled while they stood still.
    waiting: Vec<Waker>,
    tasks: Vec<AbortHandle>,
}

impl Process {
    pub(crate) fn new(hesitation: u8) -> Arc<Self> {
        Arc::new(Self { handle: Handle::current(), hesitation, state: Mutex::default() })
    }

    /// The process whose task is being polled on this thread.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CURRENT.with_borrow(Clone::clone)
    }

    pub(crate) fn spawn<F>(self: &Arc<Self>, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let spawned = self.handle.spawn(Within { process: Arc::clone(self), task: Box::pin(task) });
        let mut state = self.state();
        state.tasks.retain(|task| !task.is_finished());
        state.tasks.push(spawned.abort_handle());
        spawned
    }

    /// From now on none of its tasks is polled.
    pub(crate) fn pause(&self) {
        self.state().paused = true;
    }

    /// They go on.
    pub(crate) fn resume(&self) {
        self.state().paused = false;
        let waiting = std::mem::take(&mut self.state().waiting);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// It ends here: none of its tasks does anything more, the guards that are dropped with them included.
    pub(crate) fn crash(&self) {
        self.state().dead = true;
        let tasks = std::mem::take(&mut self.state().tasks);
        tasks.iter().for_each(AbortHandle::abort);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a task may be polled now; if not, it is woken when it may.
    fn lets(&self, waker: &Waker) -> bool {
        let mut state = self.state();
        if state.dead {
            return false;
        }
        if state.paused {
            state.waiting.push(waker.clone());
            return false;
        }
        drop(state);
        let hesitates = fastrand::u8(..) < self.hesitation;
        if hesitates {
            waker.wake_by_ref();
        }
        !hesitates
    }
}

/// A task of a process.
struct Within<F> {
    process: Arc<Process>,
    task: Pin<Box<F>>,
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if !self.process.lets(cx.waker()) {
            return Poll::Pending;
        }
        let before = CURRENT.replace(Some(Arc::clone(&self.process)));
        let polled = self.task.as_mut().poll(cx);
        CURRENT.set(before);
        polled
    }
}
