//! One load per key, however many callers wait.
//!
//! The first caller of a key leads: it runs the load inside its own future, so that the load may borrow. The others wait. A
//! waiter takes over when the leader is dropped, panics, or was woken and then left unpolled; one that has waited too long
//! runs its own load. So nobody hangs, whatever becomes of a leader.
//!
//! Nothing here knows of time, tokio or the cache: [`Flights::sweep`], called at a steady beat while anyone waits, is the only
//! clock. That, and `crate::sync`, let a model checker run this code as it is.

mod lead;
mod pulse;
mod slot;
#[cfg(test)]
mod tests;
mod wait;

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
use std::sync::{Arc, Weak};

use crate::sync::{Mutex, MutexGuard};

pub(crate) use lead::{Lead, drive_all};
pub(crate) use wait::{Turn, Wait};

use slot::Slot;

/// How many sweeps a leader that was woken may go unpolled before a waiter takes over.
const LEADER_PATIENCE: u32 = 4;

const SHARDS: usize = 64;

/// Keys are digests, so a fixed hasher is no weakness; and a model checker needs a deterministic one.
type Hasher = BuildHasherDefault<DefaultHasher>;
type Shard<K, V> = Mutex<HashMap<K, Arc<Slot<V>>, Hasher>>;

/// The loads under way. `V` is what a leader hands to its waiters.
pub(crate) struct Flights<K, V> {
    shards: Vec<Shard<K, V>>,
    watched: Mutex<Vec<Weak<Slot<V>>>>,
    /// How many sweeps a waiter waits before it runs its own load.
    wait_limit: u32,
    /// Called when sweeping has become necessary.
    on_watch: Box<dyn Fn() + Send + Sync>,
}

/// How old a load may be, in numbers of the caller's, which only grow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Age {
    /// The number of a load that begins now.
    pub(crate) now: u64,
    /// The least number of a load that the caller joins.
    pub(crate) oldest: u64,
}

/// What a caller is to do about a key.
pub(crate) enum Role<K: Hash + Eq + Clone, V: Clone> {
    /// Load it.
    Lead(Lead<K, V>),
    /// Wait for who loads it.
    Wait(Wait<K, V>),
    /// Run the body: this very call is part of that key's load, and would wait for itself.
    Reentrant,
}

impl<K: Hash + Eq + Clone, V: Clone> Flights<K, V> {
    pub(crate) fn new(wait_limit: u32, on_watch: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(HashMap::default())).collect(),
            watched: Mutex::new(Vec::new()),
            wait_limit,
            on_watch: Box::new(on_watch),
        }
    }

    /// Joins the load of `key`, or begins one.
    pub(crate) fn join(self: &Arc<Self>, key: &K) -> Role<K, V> {
        self.join_if(key, Age::default())
    }

    /// Joins the load of `key` if it is young enough, or begins one: who waits for an older one already still gets its result.
    pub(crate) fn join_if(self: &Arc<Self>, key: &K, age: Age) -> Role<K, V> {
        let mut shard = lock(self.shard(key));
        if let Some(slot) = shard.get(key).filter(|slot| slot.begun >= age.oldest) {
            if lead::is_on_stack(slot) {
                return Role::Reentrant;
            }
            // A slot that has ended is about to leave the table: a new one takes its place.
            if let Some(enlisted) = slot.enlist() {
                let slot = Arc::clone(slot);
                drop(shard);
                if enlisted.unwatched {
                    self.watch(&slot);
                }
                return Role::Wait(Wait::new(Arc::clone(self), key.clone(), slot, enlisted.id));
            }
        }
        let slot = Arc::new(Slot::new(age.now));
        shard.insert(key.clone(), Arc::clone(&slot));
        Role::Lead(Lead::new(Arc::clone(self), key.clone(), slot, slot::FIRST))
    }

    /// Later callers of `key` begin a load of their own; those who wait already still get this one's result.
    pub(crate) fn forget(&self, key: &K) {
        lock(self.shard(key)).remove(key);
    }

    /// [`Flights::forget`] for every key.
    pub(crate) fn forget_all(&self) {
        for shard in &self.shards {
            // Dropped outside of the lock.
            let forgotten = std::mem::take(&mut *lock(shard));
            drop(forgotten);
        }
    }

    /// One beat of the clock: takes loads from leaders that were woken and not polled, and lets go of waiters that have waited
    /// too long. Says whether anyone still waits.
    pub(crate) fn sweep(&self) -> bool {
        let watched = std::mem::take(&mut *lock(&self.watched));
        let mut still = Vec::with_capacity(watched.len());
        for slot in watched {
            if slot.upgrade().is_some_and(|slot| slot.sweep(LEADER_PATIENCE, self.wait_limit)) {
                still.push(slot);
            }
        }
        let mut watched = lock(&self.watched);
        watched.append(&mut still);
        !watched.is_empty()
    }

    /// How many loads are under way.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn watch(&self, slot: &Arc<Slot<V>>) {
        lock(&self.watched).push(Arc::downgrade(slot));
        (self.on_watch)();
    }

    /// Takes `slot` from the table, unless a newer one is in its place.
    fn retire(&self, key: &K, slot: &Arc<Slot<V>>) {
        let mut shard = lock(self.shard(key));
        if shard.get(key).is_some_and(|current| Arc::ptr_eq(current, slot)) {
            shard.remove(key);
        }
    }

    fn shard(&self, key: &K) -> &Shard<K, V> {
        &self.shards[Hasher::default().hash_one(key) as usize % SHARDS]
    }
}

impl<K, V> fmt::Debug for Flights<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").finish_non_exhaustive()
    }
}

/// Locks whatever a panic left behind: every critical section here keeps its data whole at each step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
