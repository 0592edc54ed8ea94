//! The places of open scans.
//!
//! A cursor is a number, a place in the file is a key. The last key of a page is kept under the number of the next one, so
//! that keys that come and go between two pages move nothing.

use std::collections::BTreeMap;

/// How many places are kept. Each scan holds two: a page may be asked for again.
const MAX: usize = 1_024;

/// Where a page begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Beginning,
    After(String),
}

/// The places of open scans, a bounded number of them.
#[derive(Debug)]
pub(super) struct Cursors {
    open: BTreeMap<u64, Step>,
    next: u64,
}

#[derive(Debug)]
struct Step {
    last: String,
    before: u64,
}

impl Cursors {
    /// No open scan. The numbers begin anywhere, so that those of an earlier run are unknown to this one.
    pub(super) fn new() -> Self {
        Self { open: BTreeMap::new(), next: fastrand::u64(1..u64::MAX / 2) }
    }

    /// Where the page of `cursor` begins, if it is still known. The place before it is not needed any more.
    pub(super) fn enter(&mut self, cursor: u64) -> Option<Place> {
        if cursor == 0 {
            return Some(Place::Beginning);
        }
        let step = self.open.get(&cursor)?;
        let (place, before) = (Place::After(step.last.clone()), step.before);
        self.open.remove(&before);
        Some(place)
    }

    /// The cursor of the page after the one of `cursor`, which ended with the key `last`.
    pub(super) fn leave(&mut self, cursor: u64, last: String) -> u64 {
        let next = self.next;
        self.next += 1;
        self.open.insert(next, Step { last, before: cursor });
        if self.open.len() > MAX {
            self.open.pop_first();
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_can_be_asked_for_twice_and_places_behind_it_are_forgotten() {
        let mut cursors = Cursors::new();
        assert_eq!(cursors.enter(0), Some(Place::Beginning));
        let first = cursors.leave(0, "a".to_owned());
        assert_eq!(cursors.enter(first), Some(Place::After("a".to_owned())));
        let second = cursors.leave(first, "b".to_owned());
        assert_eq!(cursors.enter(first), Some(Place::After("a".to_owned())), "asked again");
        assert_eq!(cursors.enter(second), Some(Place::After("b".to_owned())));
        assert_eq!(cursors.enter(first), None, "left behind");
    }

    #[test]
    fn open_scans_are_bounded_and_the_oldest_goes_first() {
        let mut cursors = Cursors::new();
        let oldest = cursors.leave(0, String::new());
        let newest = (0..2 * MAX).map(|_| cursors.leave(0, String::new())).last();
        assert_eq!(cursors.open.len(), MAX);
        assert_eq!(cursors.enter(oldest), None);
        assert!(newest.is_some_and(|newest| cursors.enter(newest).is_some()));
    }
}
