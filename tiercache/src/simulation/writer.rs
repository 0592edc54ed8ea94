//! Writers: they write rows, and then invalidate what was cached of them. Those that store the new value are in `storer`.

use std::sync::atomic::Ordering;

use crate::key::Key;

use super::client::Client;
use super::history::{INNER, OUTER, ROWS};
use super::world::PREFIXES;

/// What is invalidated.
#[derive(Clone, Copy)]
pub(super) enum Target<'a> {
    Keys(&'a [usize]),
    Prefix(&'a str),
    Everything,
}

/// How often an invalidation that was not acknowledged is tried again.
const TRIES: usize = 3;

impl Client {
    pub(super) async fn write(&self) {
        let now = self.world.now();
        if now < self.world.quiet_until.load(Ordering::Relaxed) {
            return;
        }
        self.write_begun.store(now, Ordering::Relaxed);
        match fastrand::u8(..100) {
            0..65 => self.write_one().await,
            65..75 => self.write_prefix("a").await,
            75..85 => self.write_prefix("b").await,
            _ => {
                self.commit(0..ROWS);
                let rows = self.rows();
                if self.acknowledged(Target::Everything).await {
                    self.promise(0..ROWS, rows);
                }
            }
        }
    }

    async fn write_one(&self) {
        let own = self.own();
        let key = if own.is_empty() || fastrand::bool() { self.hot() } else { own[fastrand::usize(..own.len())] };
        match fastrand::u8(..4) {
            1 | 2 if key == INNER && self.may_write(key) && !self.is_own(key) => self.update(key).await,
            0 if key != OUTER && self.may_write(key) => self.write_with_token(key).await,
            1 if key != OUTER && self.may_write(key) => self.update(key).await,
            2 if self.is_own(key) => self.set(key).await,
            3 if self.is_own(key) => self.set_many(&self.own()).await,
            3 => self.write_and_invalidate(self.some()).await,
            _ => self.write_and_invalidate(vec![key]).await,
        }
    }

    /// The inner row's value is part of the outer one's: both are invalidated together.
    async fn write_and_invalidate(&self, mut keys: Vec<usize>) {
        self.commit(keys.iter().copied());
        let rows = self.rows();
        let rows = if keys.contains(&INNER) { rows } else { [0, rows[1], rows[2], rows[3]] };
        if keys.contains(&INNER) && !keys.contains(&OUTER) {
            keys.push(OUTER);
        }
        if self.acknowledged(Target::Keys(&keys)).await {
            self.promise(keys, rows);
        }
    }

    /// One after the other: the inner one first.
    async fn write_prefix(&self, prefix: &str) {
        let covered: Vec<usize> = (0..ROWS).filter(|key| PREFIXES[*key].starts_with(prefix)).collect();
        self.commit(covered.iter().copied());
        let rows = self.rows();
        if !self.acknowledged(Target::Prefix(prefix)).await {
            return;
        }
        self.promise(covered.iter().copied(), rows);
        if covered.contains(&INNER) {
            // Of the inner row only what has been invalidated is promised.
            let rows = [rows[INNER], 0, 0, self.rows()[OUTER]];
            if self.acknowledged(Target::Keys(&[OUTER])).await {
                self.promise([OUTER], rows);
            }
        }
    }

    /// Invalidates until that is acknowledged, or gives up.
    pub(super) async fn acknowledged(&self, target: Target<'_>) -> bool {
        for _ in 0..TRIES {
            let invalidated = match target {
                Target::Keys(numbers) => {
                    let keys: Vec<&Key> = numbers.iter().map(|number| &self.world.keys[*number]).collect();
                    self.cache.invalidate_many(keys).await
                }
                Target::Prefix(prefix) => self.cache.invalidate_prefix(prefix).await,
                Target::Everything => self.cache.clear().await,
            };
            if invalidated.is_ok() {
                return true;
            }
        }
        false
    }

    /// Writes the rows of `keys`, but for those that are another's.
    fn commit(&self, keys: impl IntoIterator<Item = usize>) {
        for key in keys.into_iter().filter(|key| self.may_write(*key)) {
            self.commit_row(key);
        }
    }

    /// Gives the version.
    pub(super) fn commit_row(&self, key: usize) -> u32 {
        self.world.history().commit(self.world.now(), self.number, key)
    }

    pub(super) fn may_write(&self, key: usize) -> bool {
        self.is_single_writer || !self.world.plan.has_single_writer(key)
    }

    /// The keys whose rows this client alone writes.
    fn own(&self) -> Vec<usize> {
        (0..ROWS).filter(|key| self.is_own(*key)).collect()
    }

    fn is_own(&self, key: usize) -> bool {
        self.is_single_writer && self.world.plan.has_single_writer(key)
    }

    fn rows(&self) -> [u32; ROWS] {
        let history = self.world.history();
        std::array::from_fn(|key| history.row(key))
    }

    /// What is older than `rows` must not be read any more.
    pub(super) fn promise(&self, keys: impl IntoIterator<Item = usize>, rows: [u32; ROWS]) {
        for key in keys {
            let versions = (rows[key], if key == OUTER { rows[INNER] } else { 0 });
            let times = (self.write_begun.load(Ordering::Relaxed), self.world.now());
            self.world.history().acknowledged(times, self.number, (key, versions));
        }
        self.world.inspect();
    }
}
