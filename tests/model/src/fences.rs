//! The fence: what was loaded before an invalidation is not in L1 after it.

use std::sync::Arc;

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use crate::check;
use crate::fence::{Fence, Place};
use crate::key::Digest;

/// A source of truth, one entry of L1 with the epoch it was loaded in, and the fence before it.
struct World {
    source: AtomicU32,
    l1: Mutex<Option<(u32, u32)>>,
    fence: Fence,
    key: Digest,
}

const OLD: u32 = 1;
const NEW: u32 = 2;

impl World {
    fn new() -> Arc<Self> {
        let key = Digest::new([0; 32]);
        Arc::new(Self { source: AtomicU32::new(OLD), l1: Mutex::new(None), fence: Fence::new(), key })
    }

    /// A load: takes its place, reads, fills.
    fn load(&self) {
        let place = self.fence.take(&self.key);
        self.fill(place, self.source.load(Ordering::Acquire));
    }

    fn fill(&self, place: Place, value: u32) {
        self.fence.if_holds(&self.key, place, || *self.l1.lock().unwrap() = Some((value, place.epoch())));
    }

    /// What a read of L1 gives.
    fn served(&self) -> Option<u32> {
        let entry = *self.l1.lock().unwrap();
        entry.filter(|(_, epoch)| *epoch == self.fence.epoch()).map(|(value, _)| value)
    }
}

/// A fill whose load began before an invalidation is gone when the invalidation has returned, and stays gone.
pub fn a_load_from_before_an_invalidation_is_not_kept() {
    check(|| {
        let world = World::new();
        let place = world.fence.take(&world.key);
        let fills = thread::spawn({
            let world = Arc::clone(&world);
            move || world.fill(place, OLD)
        });
        world.fence.bump(&world.key, || *world.l1.lock().unwrap() = None);
        assert_eq!(world.served(), None);
        fills.join().unwrap();
        assert_eq!(world.served(), None);
    });
}

/// After a change of the source and its invalidation, no load leaves the old value, whenever it began.
pub fn a_value_from_before_a_change_is_not_served_after_its_invalidation() {
    check(|| {
        let world = World::new();
        let loads = thread::spawn({
            let world = Arc::clone(&world);
            move || world.load()
        });
        world.source.store(NEW, Ordering::Release);
        world.fence.bump(&world.key, || *world.l1.lock().unwrap() = None);
        assert_ne!(world.served(), Some(OLD));
        loads.join().unwrap();
        assert_ne!(world.served(), Some(OLD));
    });
}

/// A write that goes into L1 in the bump's own step is not covered by an older load.
pub fn a_written_value_is_not_covered_by_an_older_load() {
    check(|| {
        let world = World::new();
        let loads = thread::spawn({
            let world = Arc::clone(&world);
            move || world.load()
        });
        world.source.store(NEW, Ordering::Release);
        let epoch = world.fence.epoch();
        world.fence.bump(&world.key, || *world.l1.lock().unwrap() = Some((NEW, epoch)));
        loads.join().unwrap();
        assert_eq!(world.served(), Some(NEW));
    });
}

/// The same for everything at once: nothing is removed, but what was loaded before is not served.
pub fn a_value_from_before_a_new_epoch_is_not_served_in_it() {
    check(|| {
        let world = World::new();
        let loads = thread::spawn({
            let world = Arc::clone(&world);
            move || world.load()
        });
        world.source.store(NEW, Ordering::Release);
        world.fence.bump_epoch();
        assert_ne!(world.served(), Some(OLD));
        loads.join().unwrap();
        assert_ne!(world.served(), Some(OLD));
    });
}
