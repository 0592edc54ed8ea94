//! The state of one load: who leads, who waits, what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use crate::sync::Mutex;

use super::lock;
use super::pulse::Pulse;

/// The id of the caller that made the slot.
pub(super) const FIRST: u64 = 0;

pub(super) struct Slot<V> {
    state: Mutex<State<V>>,
}

struct State<V> {
    phase: Phase<V>,
    leader: u64,
    /// Whether the leader still comes when it is woken.
    pulse: Arc<Pulse>,
    waiters: BTreeMap<u64, Waiter>,
    next_id: u64,
    /// Whether the sweep looks at this slot.
    watched: bool,
}

#[derive(Clone)]
enum Phase<V> {
    Running,
    /// Ended; without a value, each waiter runs its own load.
    Ended(Option<V>),
}

struct Waiter {
    waker: Option<Waker>,
    sweeps: u32,
}

/// A new waiter.
pub(super) struct Enlisted {
    pub(super) id: u64,
    /// The sweep does not look at this slot yet, and is to.
    pub(super) unwatched: bool,
}

/// What a waiter finds.
pub(super) enum Seen<V> {
    Pending,
    Ended(Option<V>),
    Leading,
    Dismissed,
}

impl<V: Clone> Slot<V> {
    pub(super) fn new() -> Self {
        let state = State {
            phase: Phase::Running,
            leader: FIRST,
            pulse: Arc::new(Pulse::new()),
            waiters: BTreeMap::new(),
            next_id: FIRST + 1,
            watched: false,
        };
        Self { state: Mutex::new(state) }
    }

    /// Adds a waiter; `None` if the load has ended.
    pub(super) fn enlist(&self) -> Option<Enlisted> {
        let mut state = lock(&self.state);
        if !matches!(state.phase, Phase::Running) {
            return None;
        }
        let id = state.next_id;
        state.next_id += 1;
        state.waiters.insert(id, Waiter { waker: None, sweeps: 0 });
        let unwatched = !std::mem::replace(&mut state.watched, true);
        Some(Enlisted { id, unwatched })
    }

    pub(super) fn has_ended(&self) -> bool {
        !matches!(lock(&self.state).phase, Phase::Running)
    }

    /// What waiter `id` is to do; keeps its waker if that is to wait.
    pub(super) fn look(&self, id: u64, waker: &Waker) -> Seen<V> {
        let mut state = lock(&self.state);
        if let Phase::Ended(value) = &state.phase {
            return Seen::Ended(value.clone());
        }
        if state.leader == id {
            return Seen::Leading;
        }
        match state.waiters.get_mut(&id) {
            None => Seen::Dismissed,
            Some(waiter) => {
                if !waiter.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
                    let old = waiter.waker.replace(waker.clone());
                    // Not under the lock, as in `leave`.
                    drop(state);
                    drop(old);
                }
                Seen::Pending
            }
        }
    }

    /// Caller `id` goes away: a waiter is struck off, a leader hands over. Says whether nobody is left.
    pub(super) fn leave(&self, id: u64) -> bool {
        let mut state = lock(&self.state);
        let waiter = state.waiters.remove(&id);
        let leads = state.leader == id && matches!(state.phase, Phase::Running);
        let heir = if leads { state.promote() } else { None };
        let nobody = leads && heir.is_none();
        if nobody {
            state.phase = Phase::Ended(None);
        }
        drop(state);
        // Not under the lock: its waker may be the last to hold a task, and with that another waiter of this slot.
        drop(waiter);
        wake(heir.and_then(|heir| heir.waker));
        nobody
    }

    /// Ends the load and wakes all waiters. One who has lost the lead ends it only with a value: that is as good as another's.
    pub(super) fn end(&self, id: u64, value: Option<V>) {
        let mut state = lock(&self.state);
        let may_end = state.leader == id || value.is_some();
        if !may_end || !matches!(state.phase, Phase::Running) {
            return;
        }
        state.phase = Phase::Ended(value);
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        for waiter in waiters.into_values() {
            wake(waiter.waker);
        }
    }

    /// Where leader `id` shows that it still comes; `None` if it leads no longer.
    pub(super) fn pulse(&self, id: u64) -> Option<Arc<Pulse>> {
        let state = lock(&self.state);
        (state.leader == id).then(|| Arc::clone(&state.pulse))
    }

    /// One beat: says whether the slot is still to be watched.
    pub(super) fn sweep(&self, leader_patience: u32, wait_limit: u32) -> bool {
        let mut state = lock(&self.state);
        if !matches!(state.phase, Phase::Running) {
            return false;
        }
        let mut wakers = state.dismiss(wait_limit);
        let absent = state.pulse.beat();
        if absent > leader_patience {
            wakers.extend(state.promote().and_then(|heir| heir.waker));
        }
        // A leader nobody waits for harms nobody.
        let watched = !state.waiters.is_empty();
        state.watched = watched;
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        watched
    }
}

impl<V> State<V> {
    /// Makes the first waiter the leader, if there is one.
    fn promote(&mut self) -> Option<Waiter> {
        let (id, waiter) = self.waiters.pop_first()?;
        self.leader = id;
        // One of its own: the old leader may still be woken.
        self.pulse = Arc::new(Pulse::called());
        Some(waiter)
    }

    /// Strikes off the waiters that have waited too long.
    fn dismiss(&mut self, wait_limit: u32) -> Vec<Waker> {
        let mut dismissed = Vec::new();
        self.waiters.retain(|_, waiter| {
            waiter.sweeps += 1;
            let stays = waiter.sweeps <= wait_limit;
            if !stays {
                dismissed.extend(waiter.waker.take());
            }
            stays
        });
        dismissed
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
