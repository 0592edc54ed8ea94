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
    /// The number of the load: see [`Age`](super::Age).
    pub(super) begun: u64,
    state: Mutex<State<V>>,
}

struct State<V> {
    phase: Phase<V>,
    /// None while the lead is free: the first waiter that looks takes it.
    leader: Option<u64>,
    /// Whether the leader still comes when it is woken; while the lead is free, the waiter called last.
    pulse: Arc<Pulse>,
    waiters: BTreeMap<u64, Waiter>,
    /// The waiter called last to take a free lead. The next to be called is the one after it, in a ring.
    called: u64,
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
    pub(super) fn new(begun: u64) -> Self {
        let state = State {
            phase: Phase::Running,
            leader: Some(FIRST),
            pulse: Arc::new(Pulse::new()),
            waiters: BTreeMap::new(),
            called: FIRST,
            next_id: FIRST + 1,
            watched: false,
        };
        Self { begun, state: Mutex::new(state) }
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
        let free = state.leader.is_none();
        match state.waiters.get_mut(&id) {
            None => Seen::Dismissed,
            Some(_) if free => {
                let waiter = state.lead(id);
                drop(state);
                // Not under the lock, as in `leave`.
                drop(waiter);
                Seen::Leading
            }
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
        let heir = state.pass_on(id);
        let nobody = matches!(state.phase, Phase::Running) && state.leader.is_none() && state.waiters.is_empty();
        if nobody {
            state.phase = Phase::Ended(None);
        }
        drop(state);
        // Not under the lock: its waker may be the last to hold a task, and with that another waiter of this slot.
        drop(waiter);
        wake(heir);
        nobody
    }

    /// Ends the load and wakes all waiters. One who has lost the lead ends it only with a value: that is as good as another's.
    pub(super) fn end(&self, id: u64, value: Option<V>) {
        let mut state = lock(&self.state);
        let may_end = state.leader == Some(id) || value.is_some();
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
        (state.leader == Some(id)).then(|| Arc::clone(&state.pulse))
    }

    /// One beat: says whether the slot is still to be watched.
    pub(super) fn sweep(&self, leader_patience: u32, wait_limit: u32) -> bool {
        let mut state = lock(&self.state);
        if !matches!(state.phase, Phase::Running) {
            return false;
        }
        let mut wakers = state.dismiss(wait_limit);
        if state.pulse.beat() > leader_patience {
            wakers.extend(state.depose());
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
    /// Waiter `id` takes the lead.
    fn lead(&mut self, id: u64) -> Option<Waiter> {
        self.leader = Some(id);
        // However late it comes, it has all of a leader's patience.
        self.pulse = Arc::new(Pulse::called());
        self.waiters.remove(&id)
    }

    /// Calls the next waiter if `id` leads, or has been called to and has not come.
    fn pass_on(&mut self, id: u64) -> Option<Waker> {
        if self.leader == Some(id) {
            self.leader = None;
            return self.call();
        }
        if self.leader.is_none() && self.called == id { self.call() } else { None }
    }

    /// Whoever is to lead does not come: calls the next waiter, if there is one.
    fn depose(&mut self) -> Option<Waker> {
        if self.waiters.is_empty() {
            return None;
        }
        self.leader = None;
        self.call()
    }

    /// Calls the waiter after the one called last: its waker, if it waits to be woken.
    fn call(&mut self) -> Option<Waker> {
        // Another one: the old leader may still be woken.
        self.pulse = Arc::new(Pulse::called());
        let next = self.waiters.range(self.called + 1..).next().or_else(|| self.waiters.first_key_value());
        self.called = *next?.0;
        self.waiters.get_mut(&self.called)?.waker.take()
    }

    /// Strikes off the waiters that have waited too long; while the lead is free, they are called to it instead.
    fn dismiss(&mut self, wait_limit: u32) -> Vec<Waker> {
        let free = self.leader.is_none();
        let mut wakers = Vec::new();
        self.waiters.retain(|_, waiter| {
            waiter.sweeps += 1;
            let is_late = waiter.sweeps > wait_limit;
            if is_late {
                wakers.extend(waiter.waker.take());
            }
            free || !is_late
        });
        wakers
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
