//! Several values at once: what is read and stored of them is judged one by one.

use std::collections::BTreeMap;

use crate::__private::batch::Batch;
use crate::key::Key;

use super::client::Client;
use super::history::{INNER, OUTER, ROWS, Seen};
use super::storer::value;

impl Client {
    /// What the tiers have of several keys, or a call of a batch, which loads what they lack.
    pub(super) async fn read_many(&self) {
        let keys = self.some();
        let begun: Vec<_> = keys.iter().map(|key| (self.begin_read(*key), self.is_cut_off(*key))).collect();
        let seen = if fastrand::bool() { self.get_many(&keys).await } else { self.load_many(&keys).await };
        for ((begun, was_cut), seen) in begun.into_iter().zip(seen) {
            if let Some(seen) = seen {
                self.end_read(begun, seen, was_cut);
            }
        }
    }

    async fn get_many(&self, keys: &[usize]) -> Vec<Option<Seen>> {
        let keys: Vec<Key> = keys.iter().map(|key| self.world.keys[*key].clone()).collect();
        self.cache.get_many(&keys).await
    }

    async fn load_many(&self, keys: &[usize]) -> Vec<Option<Seen>> {
        let batch = Batch::<BTreeMap<usize, Seen>>::of(keys).at(|key| self.entry(key));
        let found = batch.load(|missing| self.query_many(missing)).await;
        keys.iter().map(|key| found.get(key).copied()).collect()
    }

    /// One query for all of them; the outer value is made of the inner one by a nested call, which may be of this very batch.
    async fn query_many(&self, keys: Vec<usize>) -> BTreeMap<usize, Seen> {
        for key in &keys {
            self.note("runs the body of a batch", *key);
        }
        let mut found: BTreeMap<usize, Seen> =
            self.query(|| keys.iter().map(|key| (*key, value(*key, self.world.history().row(*key)))).collect()).await;
        if let Some((_, _, inner)) = found.get_mut(&OUTER) {
            *inner = self.cached(INNER).await.1;
        }
        found
    }

    /// Stores several values without asking what is there.
    pub(super) async fn set_many(&self, keys: &[usize]) {
        let written: Vec<(usize, u32)> = keys.iter().map(|key| (*key, self.commit_row(*key))).collect();
        for (key, version) in &written {
            self.world.history().may_come_late(*key, *version);
        }
        let values: Vec<Seen> = written.iter().map(|(key, version)| value(*key, *version)).collect();
        let pairs = keys.iter().map(|key| &self.world.keys[*key]).zip(&values);
        let are_set = self.cache.set_many(pairs, &self.policy(keys[0])).await.is_ok();
        for (key, version) in written {
            if are_set {
                self.world.history().comes_no_more(key, version);
            }
            self.conclude(key, version, are_set).await;
        }
    }

    /// Several keys, the hottest among them more often than others.
    pub(super) fn some(&self) -> Vec<usize> {
        let hot = self.hot();
        let mut keys: Vec<usize> = (0..ROWS).filter(|key| *key == hot || fastrand::bool()).collect();
        fastrand::shuffle(&mut keys);
        keys
    }
}
