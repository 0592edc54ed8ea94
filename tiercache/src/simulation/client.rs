//! A task of an instance that reads and writes.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::cache::{Cache, Policy, WriteMode};

use super::history::{INNER, OUTER, ROWS, Reading, Seen, Time};
use super::plan::{happens, up_to};
use super::world::World;

pub(super) struct Client {
    pub(super) world: Arc<World>,
    pub(super) slot: usize,
    pub(super) number: u32,
    pub(super) started: Time,
    /// When its write under way began.
    pub(super) write_begun: AtomicU64,
    /// Whether it is the one writer of the rows that have one.
    pub(super) is_single_writer: bool,
    pub(super) cache: Cache,
}

/// Reads between two writes, about.
const READS: u8 = 5;
/// Of so many reads one is of several keys.
const BATCHES: u8 = 5;
/// How often somebody goes away in the midst of what was begun.
const IMPATIENT: u8 = 16;

impl Client {
    pub(super) async fn run(self) {
        loop {
            sleep(up_to(if fastrand::bool() { 20 } else { 300 })).await;
            let patience = if happens(IMPATIENT) { up_to(40) } else { Duration::MAX };
            // Whoever goes away was promised nothing.
            let _ = if fastrand::u8(..=READS) == 0 {
                timeout(patience, self.write()).await
            } else if fastrand::u8(..BATCHES) == 0 {
                timeout(patience, self.read_many()).await
            } else {
                // What is made of the hottest key is hot with it.
                let key = match self.hot() {
                    INNER if fastrand::bool() => OUTER,
                    hot => hot,
                };
                timeout(patience, self.read(key)).await
            };
        }
    }

    async fn read(&self, key: usize) {
        let (begun, was_cut) = (self.begin_read(key), self.is_cut_off(key));
        let seen = if key == OUTER { self.outer().await } else { self.cached(key).await };
        self.end_read(begun, seen, was_cut);
    }

    pub(super) fn begin_read(&self, key: usize) -> Reading {
        self.world.history().begin_read(self.world.now(), self.number, self.started, key)
    }

    pub(super) fn end_read(&self, begun: Reading, seen: Seen, was_cut: bool) {
        let failed = self.world.slot(self.slot).failed.is_some_and(|failed| failed >= begun.at);
        let cut = failed || was_cut || self.is_cut_off(begun.key);
        self.world.settle();
        self.world.history().end_read(self.world.now(), begun, seen, cut);
        self.world.end_if_broken();
    }

    pub(super) fn is_cut_off(&self, key: usize) -> bool {
        self.cache.is_cut_off(&self.world.keys[key])
    }

    pub(super) async fn cached(&self, key: usize) -> Seen {
        let load = || async {
            self.note("runs the body", key);
            (number(key), self.row(key).await, 0)
        };
        self.cache.get_or_load_value(&self.world.keys[key], &self.policy(key), load).await
    }

    pub(super) fn policy(&self, key: usize) -> Policy {
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

    async fn row(&self, key: usize) -> u32 {
        self.query(|| self.world.history().row(key)).await
    }

    /// A query: it reads or writes somewhere in its time.
    pub(super) async fn query<T>(&self, at: impl FnOnce() -> T) -> T {
        let longest = match fastrand::u8(..100) {
            0..92 => 10,
            92..98 => 500,
            _ => 4_000,
        };
        sleep(up_to(longest)).await;
        let answer = at();
        sleep(up_to(longest)).await;
        answer
    }

    /// A key: most go for the same one, another one each second, so that they meet there.
    pub(super) fn hot(&self) -> usize {
        let hottest = usize::try_from(self.world.now() / 1_000).unwrap_or_default() % ROWS;
        if fastrand::u8(..4) > 0 { hottest } else { fastrand::usize(..ROWS) }
    }

    pub(super) fn note(&self, what: &'static str, key: usize) {
        self.world.note(self.number, what, Some(key));
    }
}

pub(super) fn number(key: usize) -> u32 {
    u32::try_from(key).unwrap_or(u32::MAX)
}
