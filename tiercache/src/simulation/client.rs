//! A task of an instance that reads, and writes and invalidates what it wrote.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::cache::{Cache, Policy, WriteMode};
use crate::key::Key;

use super::history::{INNER, OUTER, ROWS, Seen, Time};
use super::plan::{happens, up_to};
use super::world::{PREFIXES, World};

#[derive(Clone)]
pub(super) struct Client {
    pub(super) world: Arc<World>,
    pub(super) slot: usize,
    pub(super) number: u32,
    pub(super) started: Time,
    pub(super) cache: Cache,
}

/// What is invalidated.
#[derive(Clone, Copy)]
enum Target<'a> {
    Keys(&'a [usize]),
    Prefix(&'a str),
    Everything,
}

/// Reads between two writes, about.
const READS: u8 = 5;
/// How often somebody goes away in the midst of what was begun.
const IMPATIENT: u8 = 16;
/// How often an invalidation that was not acknowledged is tried again.
const TRIES: usize = 3;

impl Client {
    pub(super) async fn run(self) {
        loop {
            sleep(up_to(if fastrand::bool() { 20 } else { 300 })).await;
            let patience = if happens(IMPATIENT) { up_to(40) } else { Duration::MAX };
            // Whoever goes away was promised nothing.
            let _ = if fastrand::u8(..=READS) == 0 {
                timeout(patience, self.write()).await
            } else {
                timeout(patience, self.read(self.hot())).await
            };
        }
    }

    async fn read(&self, key: usize) {
        let begun = self.world.history().begin_read(self.world.now(), self.number, self.started, key);
        let cut_at_begin = self.cache.is_cut_off();
        let seen = if key == OUTER { self.outer().await } else { self.cached(key).await };
        let failed = self.world.slot(self.slot).failed.is_some_and(|failed| failed >= begun.at);
        let cut = failed || cut_at_begin || self.cache.is_cut_off();
        self.world.history().end_read(self.world.now(), begun, seen, cut);
        self.world.end_if_broken();
    }

    async fn cached(&self, key: usize) -> Seen {
        let load = || async {
            self.note("runs the body", key);
            (number(key), self.row(key).await, 0)
        };
        self.cache.get_or_load_value(&self.world.keys[key], &self.policy(key), load).await
    }

    fn policy(&self, key: usize) -> Policy {
        let behind = self.world.plan.behind >> key & 1 == 1;
        Policy::new().write_mode(if behind { WriteMode::Behind } else { WriteMode::Through })
    }

    /// A cached function that calls another one.
    async fn outer(&self) -> Seen {
        let load = || async {
            self.note("runs the body", OUTER);
            let own = self.row(OUTER).await;
            let inner = self.cached(INNER).await;
            // What is wrong with the inner key's value is found where that is read.
            (number(OUTER), own, inner.1)
        };
        self.cache.get_or_load_value(&self.world.keys[OUTER], &self.policy(OUTER), load).await
    }

    /// A query: it reads somewhere in its time.
    async fn row(&self, key: usize) -> u32 {
        let longest = match fastrand::u8(..100) {
            0..92 => 10,
            92..98 => 500,
            _ => 4_000,
        };
        sleep(up_to(longest)).await;
        let version = self.world.history().row(key);
        sleep(up_to(longest)).await;
        version
    }

    async fn write(&self) {
        match fastrand::u8(..100) {
            0..65 => self.write_one(self.hot()).await,
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

    /// The inner row's value is part of the outer one's: both are invalidated together.
    async fn write_one(&self, key: usize) {
        self.commit([key]);
        let keys = if key == INNER { vec![INNER, OUTER] } else { vec![key] };
        let rows = self.rows();
        let rows = if key == INNER { rows } else { [0, rows[1], rows[2], rows[3]] };
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
    async fn acknowledged(&self, target: Target<'_>) -> bool {
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

    /// A key: most go for the same one, another one each second, so that they meet there.
    fn hot(&self) -> usize {
        let hottest = usize::try_from(self.world.now() / 1_000).unwrap_or_default() % ROWS;
        if fastrand::u8(..4) > 0 { hottest } else { fastrand::usize(..ROWS) }
    }

    fn commit(&self, keys: impl IntoIterator<Item = usize>) {
        for key in keys {
            self.world.history().commit(self.world.now(), self.number, key);
        }
    }

    fn rows(&self) -> [u32; ROWS] {
        let history = self.world.history();
        std::array::from_fn(|key| history.row(key))
    }

    /// What is older than `rows` must not be read any more.
    fn promise(&self, keys: impl IntoIterator<Item = usize>, rows: [u32; ROWS]) {
        for key in keys {
            let versions = (rows[key], if key == OUTER { rows[INNER] } else { 0 });
            self.world.history().acknowledged(self.world.now(), self.number, key, versions);
        }
        self.world.inspect();
    }

    fn note(&self, what: &'static str, key: usize) {
        self.world.note(self.number, what, Some(key));
    }
}

fn number(key: usize) -> u32 {
    u32::try_from(key).unwrap_or(u32::MAX)
}
