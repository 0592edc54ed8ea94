//! The fence: keeps a load that began before an invalidation from filling L1 after it.
//!
//! A load takes its place at the fence before its first read. An invalidation bumps first and removes second; a fill
//! compares and inserts in one step. So whatever a load read, if an invalidation came between, it is not kept.

use crate::key::Digest;
use crate::sync::{AtomicU32, Mutex, Ordering};

const GROUPS: usize = 256;
const STRIPES_IN_GROUP: usize = 256;

/// Keys share a stripe now and then: a bump then costs a stranger's fill. With 65,536 stripes that is rare even under 100,000
/// invalidations a second.
pub(crate) struct Fence {
    epoch: AtomicU32,
    groups: Box<[Mutex<[u32; STRIPES_IN_GROUP]>]>,
}

/// A load's place at the fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    epoch: u32,
    stripe: u32,
}

impl Place {
    /// The epoch this load began in.
    pub(crate) fn epoch(self) -> u32 {
        self.epoch
    }
}

impl Fence {
    pub(crate) fn new() -> Self {
        let groups = (0..GROUPS).map(|_| Mutex::new([0; STRIPES_IN_GROUP])).collect();
        Self { epoch: AtomicU32::new(0), groups }
    }

    #[inline]
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The place of a load of `key` that begins now.
    pub(crate) fn take(&self, key: &Digest) -> Place {
        let epoch = self.epoch();
        Place { epoch, stripe: self.with_stripe(key, |stripe| *stripe) }
    }

    /// Runs `insert` if nothing that concerns `key` was invalidated since `place` was taken. No invalidation of the key can come
    /// between the comparison and the insert.
    pub(crate) fn if_holds(&self, key: &Digest, place: Place, insert: impl FnOnce()) -> bool {
        self.with_stripe(key, |stripe| {
            let holds = *stripe == place.stripe && self.epoch() == place.epoch;
            if holds {
                insert();
            }
            holds
        })
    }

    /// Makes every load of `key` under way miss its fill, then runs `remove`.
    pub(crate) fn bump(&self, key: &Digest, remove: impl FnOnce()) {
        self.with_stripe(key, |stripe| {
            *stripe = stripe.wrapping_add(1);
            remove();
        });
    }

    /// Makes every load of `key` under way miss its fill, and runs `put` with whether nothing that concerns `key` was invalidated
    /// since `place` was taken, in one step.
    pub(crate) fn supersede(&self, key: &Digest, place: Place, put: impl FnOnce(bool)) {
        self.with_stripe(key, |stripe| {
            let holds = *stripe == place.stripe && self.epoch() == place.epoch;
            *stripe = stripe.wrapping_add(1);
            put(holds);
        });
    }

    /// Makes every entry stale and every load under way miss its fill.
    pub(crate) fn bump_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    fn with_stripe<R>(&self, key: &Digest, run: impl FnOnce(&mut u32) -> R) -> R {
        let bytes = key.as_bytes();
        // Other bytes than those an engine hashes by.
        let (group, stripe) = (usize::from(bytes[30]), usize::from(bytes[31]));
        // A panic inside cannot leave a stripe half written: it is one number.
        let mut stripes = self.groups[group].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        run(&mut stripes[stripe])
    }
}

impl std::fmt::Debug for Fence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fence").field("epoch", &self.epoch()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(last: u8) -> Digest {
        let mut bytes = [0; 32];
        bytes[31] = last;
        Digest::new(bytes)
    }

    #[test]
    fn a_load_that_began_before_an_invalidation_does_not_fill() {
        let fence = Fence::new();
        let place = fence.take(&digest(1));
        fence.bump(&digest(1), || {});
        assert!(!fence.if_holds(&digest(1), place, || panic!("filled")));
        let place = fence.take(&digest(1));
        assert!(fence.if_holds(&digest(1), place, || {}));
    }

    #[test]
    fn an_invalidation_of_another_key_does_not_matter() {
        let fence = Fence::new();
        let place = fence.take(&digest(1));
        fence.bump(&digest(2), || {});
        assert!(fence.if_holds(&digest(1), place, || {}));
    }

    #[test]
    fn what_supersedes_loads_is_itself_stopped_by_an_invalidation() {
        let fence = Fence::new();
        let place = fence.take(&digest(1));
        fence.supersede(&digest(1), place, |holds| assert!(holds));
        assert!(!fence.if_holds(&digest(1), place, || panic!("filled")));
        let place = fence.take(&digest(1));
        fence.bump(&digest(1), || {});
        fence.supersede(&digest(1), place, |holds| assert!(!holds));
    }

    #[test]
    fn an_epoch_concerns_every_key() {
        let fence = Fence::new();
        let place = fence.take(&digest(1));
        fence.bump_epoch();
        assert!(!fence.if_holds(&digest(1), place, || panic!("filled")));
    }
}
