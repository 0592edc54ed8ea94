//! Writers that store what they have written.
//!
//! What they promise is their own value: of what others have written meanwhile they know nothing.

use std::pin::pin;

use crate::__private::writes::{Invalidation, Returns};
use crate::cache::Spec;
use crate::coherence::tags::Tags;
use crate::entry::Entry;
use crate::key::SiteDigest;

use super::client::{Client, number};
use super::history::{INNER, OUTER, ROWS, Seen};
use super::plan::happens;
use super::writer::Target;

/// How often a writer writes nothing in the end, or does not say whether it has.
const UNDONE: u8 = 16;

impl Client {
    /// Stores a value without asking what is there: for who alone writes it.
    pub(super) async fn set(&self, key: usize) {
        let version = self.commit_row(key);
        self.world.history().may_come_late(key, version);
        let set = self.cache.set(&self.world.keys[key], &value(key, version), &self.policy(key)).await;
        if set.is_ok() {
            self.world.history().comes_no_more(key, version);
        }
        self.conclude(key, version, set.is_ok()).await;
    }

    /// A write by hand: the token is taken, then the row is written, then the value is committed over the token.
    pub(super) async fn write_with_token(&self, key: usize) {
        let Ok(write) = self.entry(key).begin_write().await else { return };
        self.note("has a token", key);
        if happens(UNDONE) {
            return write.cancel();
        }
        let version = self.query(|| self.commit_row(key)).await;
        if happens(UNDONE) {
            return drop(write);
        }
        let committed = write.commit(value(key, version)).await.is_ok();
        self.conclude(key, version, committed).await;
    }

    /// A function under `#[updates]`. The outer value is made of the inner one: who updates the inner one invalidates it.
    pub(super) async fn update(&self, key: usize) {
        let outcome = Returns::<Result<Seen, ()>>::NEW.outcome();
        let others: Vec<Entry<Seen>> = if key == INNER { vec![self.entry(OUTER)] } else { Vec::new() };
        let mut update = Invalidation::new(outcome).entry(&others).update(&self.entry(key));
        let body = pin!(async {
            self.note("runs the body of an updater", key);
            if happens(UNDONE) { Err(()) } else { Ok(value(key, self.query(|| self.commit_row(key)).await)) }
        });
        let Ok((_, version, _)) = update.guard(body).await else { return };
        // Its output is the user's: that it could not tell L2 is known by what is pending.
        let keys = if key == INNER { vec![INNER, OUTER] } else { vec![key] };
        let is_told = self.cache.stats().l2.pending_invalidations == 0;
        if is_told || self.acknowledged(Target::Keys(&keys)).await {
            self.promise(keys, only(key, version));
        }
    }

    /// After a store: what was not acknowledged is invalidated, and the outer value after the inner one.
    pub(super) async fn conclude(&self, key: usize, version: u32, is_stored: bool) {
        if !is_stored && !self.acknowledged(Target::Keys(&[key])).await {
            return;
        }
        self.promise([key], only(key, version));
        if key == INNER && self.acknowledged(Target::Keys(&[OUTER])).await {
            self.promise([OUTER], only(key, version));
        }
    }

    pub(super) fn entry(&self, key: usize) -> Entry<Seen> {
        let known = &self.world.keys[key];
        // A site of its own, as each has its own policy.
        let site = SiteDigest::direct(&key.to_string());
        let spec = Spec { site, prefix: known.prefix(), function: None, policy: &self.policy(key) };
        Entry::at(self.cache.clone(), self.cache.region(&spec), Ok(*known.digest()), Tags::default())
    }
}

pub(super) fn value(key: usize, version: u32) -> Seen {
    (number(key), version, 0)
}

fn only(key: usize, version: u32) -> [u32; ROWS] {
    let mut rows = [0; ROWS];
    rows[key] = version;
    rows
}
