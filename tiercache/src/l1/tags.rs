//! When tags were last invalidated: what makes an entry of memory stale that carries one.
//!
//! Invalidations of tags are counted, and each tag remembers the number of its last one, in one of 65,536 places. Tags that share a
//! place cost each other a miss now and then; and nothing grows with the number of tags. An entry knows how many invalidations there had
//! been when its load began, and is stale if one of its tags has a later one.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

const PLACES: usize = 1 << 16;

/// A tag's place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(u16);

impl Slot {
    /// The place of the tag with this hash.
    pub(crate) fn of(hash: u64) -> Self {
        let [low, high, ..] = hash.to_le_bytes();
        Self(u16::from_le_bytes([low, high]))
    }
}

/// The invalidations of tags in one cache.
#[derive(Debug, Default)]
pub(crate) struct TagTable {
    /// How many there have been.
    count: AtomicU64,
    /// By place, the number of the last one. Made at the first: before, nothing is stale.
    last: OnceLock<Box<[AtomicU64]>>,
}

impl TagTable {
    /// How many invalidations there have been.
    pub(crate) fn now(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Makes stale what was begun before. First counted, then noted: who begins in between comes after the invalidation, and is fresh.
    pub(crate) fn bump(&self, tag: Slot) {
        let last = self.last.get_or_init(|| (0..PLACES).map(|_| AtomicU64::new(0)).collect());
        let number = self.count.fetch_add(1, Ordering::AcqRel) + 1;
        last[usize::from(tag.0)].fetch_max(number, Ordering::AcqRel);
    }

    /// The number of the last invalidation of any of `tags`.
    pub(crate) fn latest(&self, tags: impl IntoIterator<Item = Slot>) -> u64 {
        let Some(last) = self.last.get() else { return 0 };
        tags.into_iter().map(|tag| last[usize::from(tag.0)].load(Ordering::Acquire)).max().unwrap_or(0)
    }
}

/// The tags of an entry.
#[derive(Debug)]
pub(crate) struct Tagged {
    /// How many invalidations there had been when its load began.
    since: u64,
    tags: Box<[Slot]>,
}

impl Tagged {
    /// None for an entry without tags.
    pub(crate) fn new(since: u64, tags: impl Iterator<Item = Slot>) -> Option<Box<Self>> {
        let tags: Box<[Slot]> = tags.collect();
        (!tags.is_empty()).then(|| Box::new(Self { since, tags }))
    }

    /// Whether no tag was invalidated since.
    pub(super) fn holds(&self, table: &TagTable) -> bool {
        table.latest(self.tags.iter().copied()) <= self.since
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        self.tags.iter().copied()
    }

    /// Whether one may have been invalidated since, and before there had been `until` invalidations: of each only the last is known.
    pub(super) fn fell_before(&self, until: u64, table: &TagTable) -> bool {
        self.since < until && !self.holds(table)
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tags_invalidation_is_later_than_what_began_before_and_earlier_than_what_begins_after() {
        let table = TagTable::default();
        let (one, other) = (Slot::of(1), Slot::of(2));
        assert_eq!(table.latest([one, other]), 0);
        let before = table.now();
        table.bump(one);
        let between = table.now();
        table.bump(other);
        assert!(table.latest([one]) > before && table.latest([one]) <= between);
        assert!(table.latest([one, other]) > between && table.latest([one, other]) <= table.now());
        assert_eq!(table.latest([]), 0);
    }

    #[test]
    fn an_entry_is_stale_after_an_invalidation_of_any_of_its_tags_and_of_no_other() {
        let table = TagTable::default();
        let tagged = |tags: &[u64]| Tagged::new(table.now(), tags.iter().map(|tag| Slot::of(*tag)));
        assert!(tagged(&[]).is_none());
        let (both, other) = (tagged(&[1, 2]).unwrap(), tagged(&[3]).unwrap());
        assert!(both.holds(&table));
        table.bump(Slot::of(2));
        assert!(!both.holds(&table) && other.holds(&table));
        assert!(tagged(&[1, 2]).unwrap().holds(&table));
    }
}
