//! L2 in memory, for tests.

mod news;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Commit, Committed, Found, Op, Page, Reading, Sent, Shared, Stamps, Store, Tell, tag_life};
use crate::error::Result;
use crate::time::now;

/// How many keys a page of a scan looks at.
const PAGE_KEYS: usize = 512;

/// An L2 in this process's memory, for tests: no server, no file, nothing left behind.
///
/// Clones are the same store, so that several caches can share one as instances share a Redis. Lives are kept by the real
/// clock: pausing tokio's moves L1 only. Nothing bounds it.
#[derive(Clone, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    entries: HashMap<String, Entry>,
    /// Keys in the order in which they came: a cursor is a place in it, and stays one while keys come and go.
    order: BTreeMap<u64, String>,
    stamps: BTreeMap<String, BTreeMap<String, u64>>,
    /// By the number of their place, which never comes twice.
    logs: HashMap<String, BTreeMap<u64, Vec<u8>>>,
    next: u64,
}

struct Entry {
    bytes: Vec<u8>,
    /// `None` is for ever.
    expires: Option<Instant>,
    number: u64,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("entries", &self.state().entries.len()).finish_non_exhaustive()
    }
}

impl State {
    fn read(&mut self, key: &str, stamps: &Stamps) -> Reading {
        let found = self.find(key);
        let held = self.stamps.get(&*stamps.hash);
        let mut held_now: Vec<_> =
            stamps.fields.iter().map(|field| held.and_then(|held| held.get(field)).copied()).collect();
        held_now.extend(stamps.tags.iter().map(|tag| self.tag(tag)));
        Reading { found, stamps: held_now }
    }

    fn find(&mut self, key: &str) -> Option<Found> {
        let now = now();
        if self.entries.get(key).is_some_and(|entry| entry.is_expired(now)) {
            self.remove(key);
        }
        self.entries.get(key).map(|entry| Found {
            bytes: entry.bytes.clone(),
            remaining: entry.expires.map(|expires| expires.saturating_duration_since(now)),
        })
    }

    /// The stamp of a tag: an entry as any other, so that it ends.
    fn tag(&mut self, tag: &str) -> Option<u64> {
        self.find(tag).and_then(|found| Some(u64::from_le_bytes(found.bytes.try_into().ok()?)))
    }

    /// Sees that a tag's stamp, if it has one, is kept for long enough.
    fn keep_tag(&mut self, tag: &str, life: Duration) {
        let until = now().checked_add(tag_life(life));
        if let Some(entry) = self.entries.get_mut(tag)
            && until.is_none_or(|until| entry.expires.is_some_and(|expires| expires < until))
        {
            entry.expires = until;
        }
    }

    fn write(&mut self, key: &str, bytes: Vec<u8>, life: Duration) {
        let number = self.entries.get(key).map_or_else(
            || {
                self.next += 1;
                self.next
            },
            |entry| entry.number,
        );
        let expires = now().checked_add(life);
        self.order.insert(number, key.to_owned());
        self.entries.insert(key.to_owned(), Entry { bytes, expires, number });
    }

    fn claim(&mut self, key: &str, lease: &[u8], life: Duration) -> Option<Vec<u8>> {
        let found = self.find(key);
        if found.is_none() {
            self.write(key, lease.to_vec(), life);
        }
        found.map(|found| found.bytes)
    }

    /// Whether what is under `key` begins with `expected`.
    fn holds(&mut self, key: &str, expected: &[u8]) -> bool {
        self.find(key).is_some_and(|found| found.bytes.starts_with(expected))
    }

    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.number);
        }
    }

    fn stamp(&mut self, stamps: &Stamps, fresh: &[u64], life: Duration) -> Vec<u64> {
        let held = self.stamps.entry(stamps.hash.to_string()).or_default();
        let (fields, tags) = (stamps.fields.iter().zip(fresh), stamps.tags.iter().zip(&fresh[stamps.fields.len()..]));
        let mut now: Vec<u64> = fields.map(|(field, fresh)| *held.entry(field.clone()).or_insert(*fresh)).collect();
        for (tag, fresh) in tags {
            let stamp = self.tag(tag);
            match stamp {
                Some(_) => self.keep_tag(tag, life),
                None => self.write(tag, fresh.to_le_bytes().into(), tag_life(life)),
            }
            now.push(stamp.unwrap_or(*fresh));
        }
        now
    }

    fn append(&mut self, log: String, message: Vec<u8>) -> u64 {
        self.next += 1;
        self.logs.entry(log).or_default().insert(self.next, message);
        self.next
    }

    fn scan(&self, start: &str, cursor: u64) -> Page {
        let now = now();
        let mut seen = self.order.range(cursor + 1..).take(PAGE_KEYS).peekable();
        let mut page = Page::default();
        while let Some((number, key)) = seen.next() {
            let live = self.entries.get(key).is_some_and(|entry| !entry.is_expired(now));
            if live && key.starts_with(start) {
                page.keys.push(key.clone());
            }
            if seen.peek().is_none() {
                page.next = self.order.range(number + 1..).next().map(|_| *number);
            }
        }
        page
    }
}

impl Entry {
    fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// The future of something that has been done already.
fn done<'a, T: Send + 'a>(answer: T) -> Op<'a, T> {
    Box::pin(std::future::ready(Ok(answer) as Result<T>))
}

impl Store for Memory {
    fn read<'a>(&'a self, key: &'a str, stamps: &'a Stamps) -> Op<'a, Reading> {
        Box::pin(async move { Ok(self.state().read(key, stamps)) })
    }

    fn read_here<'a>(&'a self, key: &'a str, stamps: &'a Stamps) -> Option<Op<'a, Reading>> {
        Some(self.read(key, stamps))
    }

    fn claim<'a>(&'a self, key: &'a str, lease: &'a [u8], life: Duration) -> Op<'a, Option<Vec<u8>>> {
        Box::pin(async move { Ok(self.state().claim(key, lease, life)) })
    }

    fn swap<'a>(
        &'a self,
        key: &'a str,
        expected: &'a [u8],
        bytes: Vec<u8>,
        life: Duration,
        tags: &'a [String],
    ) -> Op<'a, bool> {
        Box::pin(async move {
            let mut state = self.state();
            let holds = state.holds(key, expected);
            if holds {
                for tag in tags {
                    state.keep_tag(tag, life);
                }
                state.write(key, bytes, life);
            }
            Ok(holds)
        })
    }

    fn commit(&self, commit: Commit) -> Op<'_, Committed> {
        Box::pin(async move {
            let Commit { key, expected, bytes, life, tags, tell } = commit;
            let mut state = self.state();
            let holds = expected.is_none_or(|expected| state.holds(&key, &expected));
            if holds {
                tags.iter().for_each(|tag| state.keep_tag(tag, life));
                state.write(&key, bytes, life);
            } else {
                state.remove(&key);
            }
            let place = news::log_id(state.append(tell.log, tell.message));
            Ok(Committed { stored: holds, place: Some(place) })
        })
    }

    fn write_many(&self, sent: Vec<Sent>, tell: Tell) -> Op<'_, Option<String>> {
        Box::pin(async move {
            let mut state = self.state();
            for Sent { key, bytes, life, tags } in sent {
                tags.iter().for_each(|tag| state.keep_tag(tag, life));
                state.write(&key, bytes, life);
            }
            Ok(Some(news::log_id(state.append(tell.log, tell.message))))
        })
    }

    fn extend<'a>(&'a self, key: &'a str, expected: &'a [u8], life: Duration) -> Op<'a, bool> {
        Box::pin(async move {
            let mut state = self.state();
            let holds = state.holds(key, expected);
            if let Some(entry) = state.entries.get_mut(key).filter(|_| holds) {
                entry.expires = now().checked_add(life);
            }
            Ok(holds)
        })
    }

    fn release<'a>(&'a self, key: &'a str, expected: &'a [u8]) -> Op<'a, bool> {
        Box::pin(async move {
            let mut state = self.state();
            let holds = state.holds(key, expected);
            if holds {
                state.remove(key);
            }
            Ok(holds)
        })
    }

    fn remove<'a>(&'a self, keys: &'a [String]) -> Op<'a, ()> {
        Box::pin(async move {
            let mut state = self.state();
            for key in keys {
                state.remove(key);
            }
            Ok(())
        })
    }

    fn stamp<'a>(&'a self, stamps: &'a Stamps, fresh: &'a [u64], life: Duration) -> Op<'a, Vec<u64>> {
        Box::pin(async move { Ok(self.state().stamp(stamps, fresh, life)) })
    }

    fn groups<'a>(&'a self, hash: &'a str) -> Op<'a, Vec<String>> {
        Box::pin(async move {
            let state = self.state();
            Ok(state.stamps.get(hash).map(|held| held.keys().cloned().collect()).unwrap_or_default())
        })
    }

    fn unstamp<'a>(&'a self, stamps: &'a Stamps) -> Op<'a, ()> {
        Box::pin(async move {
            if let Some(held) = self.state().stamps.get_mut(&*stamps.hash) {
                held.retain(|field, _| !stamps.fields.contains(field));
            }
            self.remove(&stamps.tags).await
        })
    }

    fn scan<'a>(&'a self, start: &'a str, cursor: u64) -> Op<'a, Page> {
        Box::pin(async move { Ok(self.state().scan(start, cursor)) })
    }

    fn ping(&self) -> Op<'_, ()> {
        done(())
    }

    fn close(&self) -> Op<'_, ()> {
        // Others may share it.
        done(())
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn shared(&self) -> Option<&dyn Shared> {
        Some(self)
    }
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{Write as _, conformance};

    #[tokio::test]
    async fn memory_keeps_the_contract_of_l2() {
        conformance(&Memory::new()).await;
    }

    #[tokio::test]
    async fn clones_are_the_same_store_and_closing_one_leaves_the_other() -> Result<()> {
        let (one, other) = (Memory::new(), Memory::new());
        let shared = one.clone();
        one.write("k", b"v".to_vec(), Duration::from_secs(9)).await?;
        one.close().await?;
        assert!(shared.read("k", &Stamps::default()).await?.found.is_some());
        assert!(other.read("k", &Stamps::default()).await?.found.is_none());
        Ok(())
    }
}
