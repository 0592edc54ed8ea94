//! Keeps the stamps in use from being evicted.
//!
//! While memory answers, L2 hears nothing of an entry's groups; so a Redis that evicts what is little used would take the stamps of the
//! busiest entries first. Each is a miss for everything that carries it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::guard::Guard;
use crate::store::Stamps;

use super::tags;

const BEAT: Duration = Duration::from_secs(5);
/// So many beats make a minute: what was used in it is touched.
const BEATS: usize = 12;
/// So many tags of a minute are remembered: the rest is left to how often L2 itself is asked for it.
const MOST: usize = 1_024;

/// The tags used lately, a bounded number of them: those of this minute, and of the one before.
#[derive(Debug, Default)]
pub(crate) struct Used(Mutex<[HashSet<u64>; 2]>);

impl Used {
    pub(crate) fn note(&self, tags: &[u64]) {
        if tags.is_empty() {
            return;
        }
        let [now, _] = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for tag in tags {
            if now.len() < MOST {
                now.insert(*tag);
            }
        }
    }

    fn lately(&self) -> Vec<u64> {
        let [now, before] = &*self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.union(before).copied().collect()
    }

    /// A minute is over.
    fn turn(&self) {
        let [now, before] = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *before = std::mem::take(now);
    }
}

/// Touches the hash of stamps and the tags `used` lately, at a steady beat, until nobody uses any more.
pub(crate) async fn touch(guard: Guard, namespace: String, hash: Arc<str>, used: Weak<Used>) {
    for beat in 1_usize.. {
        let Some(lately) = used.upgrade().map(|used| used.lately()) else { return };
        let stamps = Stamps { hash: Arc::clone(&hash), fields: Arc::default(), tags: tags::keys(&namespace, &lately) };
        // What could not be touched is touched at the next beat.
        let _ = guard.touch(stamps).await;
        tokio::time::sleep(BEAT).await;
        if let Some(used) = used.upgrade().filter(|_| beat.is_multiple_of(BEATS)) {
            used.turn();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_is_remembered_for_a_minute_or_two_and_a_bounded_number_of_it() {
        let used = Used::default();
        used.note(&[1]);
        used.turn();
        used.note(&[2, 2]);
        let mut lately = used.lately();
        lately.sort_unstable();
        assert_eq!(lately, [1, 2]);
        used.turn();
        assert_eq!(used.lately(), [2]);
        for tag in 0..10 * MOST as u64 {
            used.note(&[tag]);
        }
        used.turn();
        assert_eq!(used.lately().len(), MOST);
    }
}
