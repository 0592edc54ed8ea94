//! The deadline of operations that run in their callers' own tasks.
//!
//! A caller's clock may be paused, and its runtime may have none, so the cache's own thread watches. Every operation has the same
//! time, so they end in the order in which they began: one queue, and a watcher that wakes once in that time and not once for
//! each operation.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::time::now;

pub(super) struct Deadlines {
    time: Duration,
    queue: Mutex<Queue>,
    /// Something is in the queue, and nobody watches it.
    unwatched: Notify,
}

#[derive(Default)]
struct Queue {
    operations: VecDeque<(Instant, Arc<Operation>)>,
    watched: bool,
}

/// An operation in the queue.
struct Operation(Mutex<State>);

enum State {
    Running(Option<Waker>),
    /// Answered, or dropped by its caller.
    Over,
    Late,
}

impl Deadlines {
    pub(super) fn new(time: Duration) -> Self {
        Self { time, queue: Mutex::default(), unwatched: Notify::new() }
    }

    /// Runs `operation`; `None` if it takes too long.
    pub(super) async fn keep<T>(&self, operation: impl Future<Output = T>) -> Option<T> {
        let place = Place(self.enter());
        let mut operation = pin!(operation);
        poll_fn(|cx| match operation.as_mut().poll(cx) {
            // Also when it is late: what was asked for is there.
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if place.0.waits(cx.waker()) => Poll::Pending,
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    /// Ends what is late, for as long as it is polled. On the cache's own thread.
    pub(super) async fn watch(&self) {
        loop {
            self.unwatched.notified().await;
            while let Some(next) = self.end_late() {
                tokio::time::sleep_until(next.into()).await;
            }
        }
    }

    fn enter(&self) -> Arc<Operation> {
        let operation = Arc::new(Operation(Mutex::new(State::Running(None))));
        let deadline = now() + self.time;
        let mut queue = self.queue();
        queue.leave_front();
        queue.operations.push_back((deadline, Arc::clone(&operation)));
        let watched = std::mem::replace(&mut queue.watched, true);
        drop(queue);
        if !watched {
            self.unwatched.notify_one();
        }
        operation
    }

    /// Ends the operations that are late. Answers when to look again.
    fn end_late(&self) -> Option<Instant> {
        let now = now();
        loop {
            let mut queue = self.queue();
            queue.leave_front();
            let deadline = queue.operations.front().map(|(deadline, _)| *deadline);
            if deadline.is_none_or(|deadline| now < deadline) {
                queue.watched = deadline.is_some();
                return deadline;
            }
            let late = queue.operations.pop_front();
            drop(queue);
            if let Some((_, operation)) = late {
                operation.end_late();
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Lets go of what is over at the front. What is over behind it leaves when its deadline comes, at the latest.
    fn leave_front(&mut self) {
        while self.operations.front().is_some_and(|(_, operation)| operation.is_over()) {
            self.operations.pop_front();
        }
    }
}

impl Operation {
    /// Whether it may wait on; then `waker` is woken when it may not any more.
    fn waits(&self, waker: &Waker) -> bool {
        let mut state = self.state();
        match &mut *state {
            State::Running(Some(kept)) => kept.clone_from(waker),
            State::Running(none) => *none = Some(waker.clone()),
            State::Over | State::Late => return false,
        }
        true
    }

    fn is_over(&self) -> bool {
        matches!(*self.state(), State::Over)
    }

    fn end_late(&self) {
        let before = {
            let mut state = self.state();
            if matches!(*state, State::Over) {
                return;
            }
            std::mem::replace(&mut *state, State::Late)
        };
        // Outside the lock: a waker may run what it wakes.
        if let State::Running(Some(waker)) = before {
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An operation's caller: when it goes, the operation is over.
struct Place(Arc<Operation>);

impl Drop for Place {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut *self.0.state(), State::Over);
        // A waker is dropped outside the lock: it may be the last of its task.
        drop(before);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const TIME: Duration = Duration::from_millis(50);

    fn watched(time: Duration) -> Arc<Deadlines> {
        let deadlines = Arc::new(Deadlines::new(time));
        let watcher = Arc::clone(&deadlines);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            // The thread ends with the test's process.
            runtime.block_on(watcher.watch());
        });
        deadlines
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_ends_at_its_deadline_though_the_callers_clock_is_paused() {
        let deadlines = watched(TIME);
        let begun = Instant::now();
        assert_eq!(deadlines.keep(pending::<()>()).await, None);
        assert!(begun.elapsed() >= TIME);
        // The watcher had nothing to watch, and is there again.
        assert_eq!(deadlines.keep(pending::<()>()).await, None);
    }

    #[tokio::test]
    async fn what_is_answered_in_time_is_answered() {
        let deadlines = watched(Duration::from_secs(5));
        assert_eq!(deadlines.keep(ready(7)).await, Some(7));
        let (answer, answered) = tokio::sync::oneshot::channel();
        tokio::join!(async { assert_eq!(deadlines.keep(answered).await, Some(Ok(8))) }, async {
            answer.send(8).unwrap();
        });
    }

    #[tokio::test]
    async fn an_answered_or_dropped_operation_leaves_the_queue() {
        let deadlines = watched(Duration::from_secs(5));
        deadlines.keep(ready(())).await;
        {
            let mut dropped = Box::pin(deadlines.keep(pending::<()>()));
            let mut cx = std::task::Context::from_waker(Waker::noop());
            assert!(dropped.as_mut().poll(&mut cx).is_pending());
        }
        let kept = deadlines.enter();
        assert_eq!(deadlines.queue().operations.len(), 1);
        drop(kept);
    }

    #[tokio::test]
    async fn operations_that_begin_while_others_run_end_too() {
        let deadlines = watched(TIME);
        let three = (0..3).map(|turn| {
            let deadlines = Arc::clone(&deadlines);
            tokio::spawn(async move {
                tokio::time::sleep(TIME / 3 * turn).await;
                deadlines.keep(pending::<()>()).await
            })
        });
        for one in three.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap(), None);
        }
    }
}
