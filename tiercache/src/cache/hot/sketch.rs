//! The most frequent of any number of keys, counted in bounded memory.
//!
//! This is *space-saving* (Metwally, Agrawal, El Abbadi, *Efficient Computation of Frequent and Top-k Elements in Data Streams*, 2005): a
//! key that is not counted yet takes the place of the one with the lowest count, and that count with it. So no count is too low, none
//! is too high by more than the lowest one, and whatever makes up more than one part in `most` of all is there.

use std::collections::{BTreeSet, HashMap};

use super::list::{Count, HotKey};

/// Counts the most frequent keys.
#[derive(Debug)]
pub(super) struct Sketch {
    most: usize,
    counts: HashMap<HotKey, u32>,
    /// The same, by count.
    order: BTreeSet<(u32, HotKey)>,
}

impl Sketch {
    /// One that counts `most` keys at a time.
    pub(super) fn new(most: usize) -> Self {
        Self { most, counts: HashMap::new(), order: BTreeSet::new() }
    }

    /// Counts `key` once.
    pub(super) fn add(&mut self, key: HotKey) {
        let before = match self.counts.get(&key) {
            Some(&count) => {
                self.order.remove(&(count, key));
                count
            }
            None if self.counts.len() < self.most => 0,
            None => self.take_lowest(),
        };
        let count = before.saturating_add(1);
        self.counts.insert(key, count);
        self.order.insert((count, key));
    }

    /// The keys and their counts, the highest first.
    pub(super) fn hottest(&self) -> Vec<Count> {
        self.order.iter().rev().map(|&(count, key)| (key, count)).collect()
    }

    /// Begins to count anew.
    pub(super) fn clear(&mut self) {
        self.counts.clear();
        self.order.clear();
    }

    fn take_lowest(&mut self) -> u32 {
        let Some((count, key)) = self.order.pop_first() else { return 0 };
        self.counts.remove(&key);
        count
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::tests::key;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_are_never_too_low_nor_too_high_by_more_than_the_share_of_one(
            keys in prop::collection::vec(0_u8..40, 0..400),
            most in 1_usize..20,
        ) {
            let mut sketch = Sketch::new(most);
            let mut exact = HashMap::<HotKey, u32>::new();
            for &number in &keys {
                sketch.add(key(number));
                *exact.entry(key(number)).or_default() += 1;
            }
            let hottest = sketch.hottest();
            let share = keys.len() / most;
            prop_assert!(hottest.len() <= most);
            prop_assert!(hottest.is_sorted_by(|one, next| one.1 >= next.1));
            prop_assert_eq!(hottest.iter().map(|(_, count)| *count as usize).sum::<usize>(), keys.len());
            for (key, count) in &hottest {
                prop_assert!(*count >= exact[key] && *count as usize <= exact[key] as usize + share);
            }
            for (key, count) in exact {
                prop_assert!(count as usize <= share || hottest.iter().any(|(hot, _)| *hot == key), "{} of {}", count, share);
            }
        }
    }

    #[test]
    fn with_room_for_all_the_counts_are_exact() {
        let mut sketch = Sketch::new(3);
        for number in [1, 2, 1, 3, 1, 2] {
            sketch.add(key(number));
        }
        assert_eq!(sketch.hottest(), [(key(1), 3), (key(2), 2), (key(3), 1)]);
        sketch.clear();
        assert_eq!(sketch.hottest(), []);
    }
}
