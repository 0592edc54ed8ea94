//! The leader's side: running the load, and handing it over when that cannot go on.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use crate::sync::{AtomicBool, Mutex, Ordering, thread_local};

use super::slot::Slot;
use super::{Flights, lock};

thread_local! {
    /// The slots whose loads are being polled on this thread, by address, the innermost last.
    static STACK: RefCell<Vec<usize>> = RefCell::new(Vec::new());
}

/// Whether this thread is inside the load of `slot`.
pub(super) fn is_on_stack<V>(slot: &Arc<Slot<V>>) -> bool {
    let address = Arc::as_ptr(slot).addr();
    STACK.with(|stack| stack.borrow().contains(&address))
}

/// The right to load a key. Dropped without [`Lead::end`], it goes to a waiter.
pub(crate) struct Lead<K: Hash + Eq + Clone, V: Clone> {
    flights: Arc<Flights<K, V>>,
    key: K,
    slot: Arc<Slot<V>>,
    id: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> Lead<K, V> {
    pub(super) fn new(flights: Arc<Flights<K, V>>, key: K, slot: Arc<Slot<V>>, id: u64) -> Self {
        Self { flights, key, slot, id }
    }

    /// Runs a part of the load. What it awaits is watched: if it is woken and not polled again, a waiter takes over.
    pub(crate) async fn drive<F: Future>(&self, mut load: Pin<&mut F>) -> F::Output {
        // If the lead has been lost, there is nobody to be watched for.
        let flag = self.slot.woken_flag(self.id).unwrap_or_else(|| Arc::new(AtomicBool::new(false)));
        let watch = Arc::new(Watch { flag, task: Mutex::new(Waker::noop().clone()) });
        let waker = Waker::from(Arc::clone(&watch));
        poll_fn(move |cx| {
            watch.polled(cx.waker());
            let _inside = Inside::enter(&self.slot);
            load.as_mut().poll(&mut Context::from_waker(&waker))
        })
        .await
    }

    /// Ends the load. Waiters get `value`, or without one each run their own.
    pub(crate) fn end(self, value: Option<V>) {
        // First ended, then out of the table: who finds it in between puts a new one in its place.
        self.slot.end(self.id, value);
        if self.slot.has_ended() {
            self.flights.retire(&self.key, &self.slot);
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Drop for Lead<K, V> {
    fn drop(&mut self) {
        if self.slot.leave(self.id) {
            self.flights.retire(&self.key, &self.slot);
        }
    }
}

/// The waker that a leader's load sees: notes that it was woken, and wakes the task.
struct Watch {
    flag: Arc<AtomicBool>,
    task: Mutex<Waker>,
}

impl Watch {
    fn polled(&self, waker: &Waker) {
        let mut task = lock(&self.task);
        if !task.will_wake(waker) {
            task.clone_from(waker);
        }
        self.flag.store(false, Ordering::Release);
    }
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.flag.store(true, Ordering::Release);
        let task = lock(&self.task).clone();
        task.wake();
    }
}

/// This thread is inside a slot's load, until dropped.
struct Inside;

impl Inside {
    fn enter<V>(slot: &Arc<Slot<V>>) -> Self {
        STACK.with(|stack| stack.borrow_mut().push(Arc::as_ptr(slot).addr()));
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        STACK.with(|stack| stack.borrow_mut().pop());
    }
}
