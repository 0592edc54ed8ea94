//! What this process has invalidated and L2 does not know yet: as it does not answer, or as many are to be told at once.
//!
//! It is kept until L2 has been told, however long that takes; meanwhile nobody here believes what L2 says of it. The number is bounded: of
//! too many single things, everything is made.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::key::Digest;

use super::news::Removed;

/// Keys that are kept at most.
const MOST_KEYS: usize = 100_000;
/// Groups that are kept at most: every read is compared with all of them.
const MOST_GROUPS: usize = 256;

/// A queue of invalidations: keys, and groups of them of a kind `G`, the whole namespace among these.
pub(crate) struct Pending<G> {
    /// Whether there is anything: what every read looks at.
    any: AtomicBool,
    /// Whether L2 could not be told when it last was to be.
    overdue: AtomicBool,
    queue: Mutex<Queue<G>>,
}

struct Queue<G> {
    /// Digests, with their prefixes and the serial number of the newest invalidation of each.
    keys: BTreeMap<Digest, (String, u64)>,
    groups: BTreeMap<G, u64>,
    serial: u64,
}

/// Some of what is pending, to be told to L2.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Owed<G> {
    Keys(Vec<(Removed, u64)>),
    Group(G, u64),
}

impl<G: Clone + Ord> Pending<G> {
    pub(crate) fn new() -> Self {
        let queue = Queue { keys: BTreeMap::new(), groups: BTreeMap::new(), serial: 0 };
        Self { any: AtomicBool::new(false), overdue: AtomicBool::new(false), queue: Mutex::new(queue) }
    }

    /// Whether there is anything.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        !self.any.load(Relaxed)
    }

    /// Whether there is anything that L2 could not be told of; else it is on its way.
    pub(crate) fn is_overdue(&self) -> bool {
        self.overdue.load(Relaxed) && !self.is_empty()
    }

    /// Notes whether L2 could be told.
    pub(crate) fn note<T, E>(&self, told: &Result<T, E>) {
        self.overdue.store(told.is_err(), Relaxed);
    }

    pub(crate) fn len(&self) -> usize {
        let queue = self.lock();
        queue.keys.len() + queue.groups.len()
    }

    /// Adds keys. If they become too many, `everything` takes the place of all there is.
    pub(crate) fn add_keys(&self, keys: impl IntoIterator<Item = Removed>, everything: &G) {
        let mut queue = self.lock();
        for Removed { prefix, digest } in keys {
            let serial = queue.next();
            queue.keys.insert(digest, (prefix, serial));
            if queue.keys.len() > MOST_KEYS {
                tracing::warn!(
                    "L2 is to be told of more than {MOST_KEYS} invalidations: the whole namespace is invalidated instead"
                );
                queue.turn_into(everything);
            }
        }
        self.any.store(true, Relaxed);
    }

    /// Adds a group.
    pub(crate) fn add_group(&self, group: G, everything: &G) {
        let mut queue = self.lock();
        let serial = queue.next();
        let all = group == *everything;
        queue.groups.insert(group, serial);
        if all || queue.groups.len() > MOST_GROUPS {
            queue.turn_into(everything);
        }
        self.any.store(true, Relaxed);
    }

    /// Whether L2 may still hold what was invalidated under this digest: by itself, or by a group that `covers` it.
    pub(crate) fn concerns(&self, digest: &Digest, covers: impl FnMut(&G) -> bool) -> bool {
        if self.is_empty() {
            return false;
        }
        let queue = self.lock();
        queue.keys.contains_key(digest) || queue.groups.keys().any(covers)
    }

    /// All there is: each group, and up to `count` keys at a time. They stay until they are [told](Pending::told). Groups come first: a
    /// whole namespace says it all.
    pub(crate) fn batches(&self, count: usize) -> Vec<Owed<G>> {
        let queue = self.lock();
        let keys = queue.keys.iter();
        let keys =
            keys.map(|(digest, (prefix, serial))| (Removed { prefix: prefix.clone(), digest: *digest }, *serial));
        let keys: Vec<_> = keys.collect();
        let groups = queue.groups.iter().map(|(group, serial)| Owed::Group(group.clone(), *serial));
        groups.chain(keys.chunks(count).map(|keys| Owed::Keys(keys.to_vec()))).collect()
    }

    /// L2 has been told of these: they are forgotten, but for those that were invalidated once more meanwhile.
    pub(crate) fn told(&self, told: &Owed<G>) {
        let mut queue = self.lock();
        match told {
            Owed::Keys(keys) => {
                for (Removed { digest, .. }, told) in keys {
                    if queue.keys.get(digest).is_some_and(|(_, serial)| serial == told) {
                        queue.keys.remove(digest);
                    }
                }
            }
            Owed::Group(group, told) => {
                if queue.groups.get(group) == Some(told) {
                    queue.groups.remove(group);
                }
            }
        }
        if queue.keys.is_empty() && queue.groups.is_empty() {
            self.any.store(false, Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue<G>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<G: Clone + Ord> Queue<G> {
    fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn turn_into(&mut self, everything: &G) {
        self.keys = BTreeMap::new();
        self.groups.clear();
        let serial = self.next();
        self.groups.insert(everything.clone(), serial);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const ALL: &str = "all";

    fn digest(n: usize) -> Digest {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        Digest::new(bytes)
    }

    fn add(pending: &Pending<&'static str>, n: usize) {
        pending.add_keys([Removed { prefix: n.to_string(), digest: digest(n) }], &ALL);
    }

    fn concerned(pending: &Pending<&'static str>, n: usize) -> bool {
        pending.concerns(&digest(n), |group| *group == ALL || *group == "even" && n.is_multiple_of(2))
    }

    #[test]
    fn what_is_pending_concerns_its_keys_and_what_its_groups_cover() {
        let pending = Pending::new();
        assert!(pending.is_empty() && !concerned(&pending, 1));
        add(&pending, 1);
        pending.add_group("even", &ALL);
        assert!(concerned(&pending, 1) && concerned(&pending, 2) && !concerned(&pending, 3));
        assert_eq!(pending.len(), 2);
    }

    #[test]
    fn too_many_keys_become_everything() {
        let pending = Pending::new();
        (0..MOST_KEYS).for_each(|n| add(&pending, n));
        assert!(pending.len() == MOST_KEYS && !concerned(&pending, MOST_KEYS));
        add(&pending, MOST_KEYS);
        assert!(pending.len() == 1 && concerned(&pending, 0) && concerned(&pending, MOST_KEYS + 1));
        assert!(matches!(pending.batches(9)[..], [Owed::Group(ALL, _)]));
    }

    #[test]
    fn too_many_groups_become_everything() {
        let pending = Pending::new();
        (0..=MOST_GROUPS).for_each(|n| pending.add_group(n, &usize::MAX));
        assert!(pending.len() == 1 && matches!(pending.batches(9)[..], [Owed::Group(usize::MAX, _)]));
    }

    #[test]
    fn what_is_invalidated_again_while_l2_is_told_stays() {
        let pending = Pending::new();
        add(&pending, 1);
        let tell = |batches: Vec<_>| {
            for batch in &batches {
                pending.told(batch);
            }
        };
        let batches = pending.batches(9);
        add(&pending, 1);
        tell(batches);
        assert!(concerned(&pending, 1));
        tell(pending.batches(9));
        assert!(pending.is_empty());
        assert_eq!(pending.len(), 0);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Key(usize),
        Group(bool),
        Begin,
        End,
    }

    proptest! {
        /// Nothing is forgotten whose newest invalidation began after what L2 was told was taken.
        #[test]
        fn nothing_is_forgotten_that_l2_was_not_told(steps in prop::collection::vec(prop_oneof![
            4 => (0..6_usize).prop_map(Step::Key),
            1 => any::<bool>().prop_map(Step::Group),
            2 => Just(Step::Begin),
            2 => Just(Step::End),
        ], 0..60)) {
            let pending = Pending::new();
            // By key or group: the step of its newest invalidation.
            let mut owed = HashMap::<String, usize>::new();
            let (mut begun, mut telling) = (0, Vec::new().into_iter());
            for (at, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Key(n) => {
                        add(&pending, n);
                        owed.insert(n.to_string(), at);
                    }
                    Step::Group(all) => {
                        let group = if all { ALL } else { "even" };
                        pending.add_group(group, &ALL);
                        if all {
                            owed.clear();
                        }
                        owed.insert(group.to_owned(), at);
                    }
                    Step::Begin => (begun, telling) = (at, pending.batches(3).into_iter()),
                    Step::End => if let Some(batch) = telling.next() {
                        pending.told(&batch);
                        let names: Vec<String> = match batch {
                            Owed::Keys(keys) => keys.into_iter().map(|(key, _)| key.prefix).collect(),
                            Owed::Group(group, _) => vec![group.to_owned()],
                        };
                        owed.retain(|name, since| *since > begun || !names.contains(name));
                    }
                }
                prop_assert_eq!(pending.is_empty(), owed.is_empty());
                prop_assert_eq!(pending.len(), owed.len());
            }
        }
    }
}
