//! The leader's side: running the load, and handing it over when that cannot go on.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use crate::sync::{Mutex, thread_local};

use super::pulse::Pulse;
use super::slot::Slot;
use super::{Flights, lock};

thread_local! {
    /// The slots whose loads are being polled on this thread, by address, the innermost last.
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro knows no const")]
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
    pub(crate) async fn drive<F: Future>(&self, load: Pin<&mut F>) -> F::Output {
        drive_all([self], load).await
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

/// Runs a part of the loads of all these `leads` together, as [`Lead::drive`] runs one of one.
pub(crate) async fn drive_all<'a, K, V, F>(
    leads: impl IntoIterator<Item = &'a Lead<K, V>>,
    mut load: Pin<&mut F>,
) -> F::Output
where
    K: Hash + Eq + Clone + 'a,
    V: Clone + 'a,
    F: Future,
{
    // Where a lead has been lost, there is nobody to be watched for.
    let led = leads.into_iter().map(|lead| {
        let pulse = lead.slot.pulse(lead.id).unwrap_or_else(|| Arc::new(Pulse::new()));
        (Arc::as_ptr(&lead.slot).addr(), pulse)
    });
    let watch = Arc::new(Watch { led: led.collect(), task: Mutex::new(Waker::noop().clone()) });
    let waker = Waker::from(Arc::clone(&watch));
    poll_fn(move |cx| {
        watch.keep(cx.waker());
        let _inside = Inside::enter(&watch.led);
        load.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await
}

/// A slot by its address, and its leader's sign of life.
type Led = (usize, Arc<Pulse>);

/// The waker that a leader's load sees: notes that it was woken, and wakes the task.
struct Watch {
    led: Vec<Led>,
    task: Mutex<Waker>,
}

impl Watch {
    /// Wakes this task from now on.
    fn keep(&self, waker: &Waker) {
        let mut task = lock(&self.task);
        if !task.will_wake(waker) {
            let old = std::mem::replace(&mut *task, waker.clone());
            // Dropping a waker may drop its task, and with that whatever the task holds.
            drop(task);
            drop(old);
        }
    }
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        for (_, pulse) in &self.led {
            pulse.wake();
        }
        let task = lock(&self.task).clone();
        task.wake();
    }
}

/// This thread polls the load of these slots, until dropped.
struct Inside<'a> {
    led: &'a [Led],
}

impl<'a> Inside<'a> {
    fn enter(led: &'a [Led]) -> Self {
        STACK.with(|stack| stack.borrow_mut().extend(led.iter().map(|(address, _)| *address)));
        for (_, pulse) in led {
            pulse.begin_poll();
        }
        Self { led }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        for (_, pulse) in self.led {
            pulse.end_poll();
        }
        STACK.with(|stack| {
            let mut stack = stack.borrow_mut();
            let outer = stack.len() - self.led.len();
            stack.truncate(outer);
        });
    }
}
