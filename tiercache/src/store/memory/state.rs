//! What a store in memory holds.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crate::store::{Found, Page, Reading, Stamps, tag_life};
use crate::time::now;

/// How many keys a page of a scan looks at.
const PAGE_KEYS: usize = 512;

#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) entries: HashMap<String, Entry>,
    /// Keys in the order in which they came: a cursor is a place in it, and stays one while keys come and go.
    pub(super) order: BTreeMap<u64, String>,
    pub(super) stamps: BTreeMap<String, BTreeMap<String, u64>>,
    /// By the number of their place, which never comes twice.
    pub(super) logs: HashMap<String, BTreeMap<u64, Vec<u8>>>,
    pub(super) next: u64,
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) bytes: Vec<u8>,
    /// `None` is for ever.
    pub(super) expires: Option<Instant>,
    pub(super) number: u64,
}

impl State {
    pub(super) fn read(&mut self, key: &str, stamps: &Stamps) -> Reading {
        let found = self.find(key);
        let held = self.stamps.get(&*stamps.hash);
        let mut held_now: Vec<_> =
            stamps.fields.iter().map(|field| held.and_then(|held| held.get(field)).copied()).collect();
        held_now.extend(stamps.tags.iter().map(|tag| self.tag(tag)));
        Reading { found, stamps: held_now }
    }

    pub(super) fn find(&mut self, key: &str) -> Option<Found> {
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
    pub(super) fn tag(&mut self, tag: &str) -> Option<u64> {
        self.find(tag).and_then(|found| Some(u64::from_le_bytes(found.bytes.try_into().ok()?)))
    }

    /// Sees that a tag's stamp, if it has one, is kept for long enough.
    pub(super) fn keep_tag(&mut self, tag: &str, life: Duration) {
        let until = now().checked_add(tag_life(life));
        if let Some(entry) = self.entries.get_mut(tag)
            && until.is_none_or(|until| entry.expires.is_some_and(|expires| expires < until))
        {
            entry.expires = until;
        }
    }

    pub(super) fn write(&mut self, key: &str, bytes: Vec<u8>, life: Duration) {
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

    /// Writes over what is `expected`, or over anything; else leaves nothing there. Says whether it was written.
    pub(super) fn put(
        &mut self,
        key: &str,
        expected: Option<&[u8]>,
        (bytes, life, tags): (Vec<u8>, Duration, &[String]),
    ) -> bool {
        let holds = expected.is_none_or(|expected| self.holds(key, expected));
        if holds {
            for tag in tags {
                self.keep_tag(tag, life);
            }
            self.write(key, bytes, life);
        } else {
            self.remove(key);
        }
        holds
    }

    pub(super) fn claim(&mut self, key: &str, lease: &[u8], life: Duration) -> Option<Vec<u8>> {
        let found = self.find(key);
        if found.is_none() {
            self.write(key, lease.to_vec(), life);
        }
        found.map(|found| found.bytes)
    }

    /// Whether what is under `key` begins with `expected`.
    pub(super) fn holds(&mut self, key: &str, expected: &[u8]) -> bool {
        self.find(key).is_some_and(|found| found.bytes.starts_with(expected))
    }

    pub(super) fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.number);
        }
    }

    pub(super) fn stamp(&mut self, stamps: &Stamps, fresh: &[u64], life: Duration) -> Vec<u64> {
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

    pub(super) fn append(&mut self, log: String, message: Vec<u8>) -> u64 {
        self.next += 1;
        self.logs.entry(log).or_default().insert(self.next, message);
        self.next
    }

    pub(super) fn scan(&self, start: &str, cursor: u64) -> Page {
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
    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}
