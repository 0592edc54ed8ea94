//! The waiter's side.

use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::slot::{Seen, Slot};
use super::{Flights, Lead};

/// How waiting ended.
pub(crate) enum Turn<K: Hash + Eq + Clone, V: Clone> {
    /// The leader's result.
    Shared(V),
    /// The leader is gone: this caller leads now.
    Lead(Lead<K, V>),
    /// There is nothing to share, or it took too long: run the body.
    Alone,
}

/// Waits for another caller's load.
///
/// Cancel safe: dropped, it is struck off; if it was called to take over, another is called.
pub(crate) struct Wait<K: Hash + Eq + Clone, V: Clone> {
    flights: Arc<Flights<K, V>>,
    key: K,
    slot: Arc<Slot<V>>,
    id: u64,
    over: bool,
}

impl<K: Hash + Eq + Clone, V: Clone> Wait<K, V> {
    pub(super) fn new(flights: Arc<Flights<K, V>>, key: K, slot: Arc<Slot<V>>, id: u64) -> Self {
        Self { flights, key, slot, id, over: false }
    }

    fn lead(&self) -> Lead<K, V> {
        Lead::new(Arc::clone(&self.flights), self.key.clone(), Arc::clone(&self.slot), self.id)
    }
}

impl<K: Hash + Eq + Clone + Unpin, V: Clone> Future for Wait<K, V> {
    type Output = Turn<K, V>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Turn<K, V>> {
        let turn = match self.slot.look(self.id, cx.waker()) {
            Seen::Pending => return Poll::Pending,
            Seen::Ended(Some(value)) => Turn::Shared(value),
            Seen::Ended(None) | Seen::Dismissed => Turn::Alone,
            Seen::Leading => Turn::Lead(self.lead()),
        };
        self.over = true;
        Poll::Ready(turn)
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Drop for Wait<K, V> {
    fn drop(&mut self) {
        // Who was called to lead, and leaves instead, passes that on.
        if !self.over && self.slot.leave(self.id) {
            self.flights.retire(&self.key, &self.slot);
        }
    }
}
