//! What is in the file: four tables, and the operations on them inside one transaction.
//!
//! `entries` holds the values by key, `expiry` the same keys by the time they expire (so that the sweep and the bound on
//! size find their victims without a search), `stamps` the stamps of groups, `meta` a few numbers about the whole.

use std::time::Duration;

use redb::{Error as Trouble, ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::cursors::{Cursors, Place};
use crate::error::{Error, ErrorKind};
use crate::store::{Found, Page, Reading, Stamps, tag_life};

pub(super) type Entry = (u64, &'static [u8]);
type Due = (u64, &'static str);
pub(super) type Group = (&'static str, &'static str);

/// Key → when it expires, and its bytes.
const ENTRIES: TableDefinition<'_, &str, Entry> = TableDefinition::new("entries");
/// When an entry expires, and its key → its weight.
const EXPIRY: TableDefinition<'_, Due, u64> = TableDefinition::new("expiry");
/// Key of the stamps' hash, and group → stamp.
const STAMPS: TableDefinition<'_, Group, u64> = TableDefinition::new("stamps");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// The weight of everything stored.
const WEIGHT: &str = "weight";
/// The latest time at which something was written.
const CLOCK: &str = "clock";

/// What an entry weighs beyond its key and value: its part of the headers of two trees.
const OVERHEAD: u64 = 64;
/// The size of redb's smallest page.
const PAGE: u64 = 4_096;
/// How many keys a page of a scan looks at, and how many bytes of values it passes by: the worker serves others between.
const PAGE_KEYS: usize = 512;
const PAGE_BYTES: usize = 4 << 20;
/// How many entries more than needed are removed when the store is full, so that the next removal is not due at once.
const SLACK: usize = 1_024;

/// The tables that are read, of a transaction of either kind.
pub(super) struct View<E, S> {
    entries: E,
    stamps: S,
}

impl<'t> View<redb::ReadOnlyTable<&'static str, Entry>, redb::ReadOnlyTable<Group, u64>> {
    pub(super) fn of(txn: &'t ReadTransaction) -> Result<Self, Trouble> {
        Ok(Self { entries: txn.open_table(ENTRIES)?, stamps: txn.open_table(STAMPS)? })
    }
}

impl<E: ReadableTable<&'static str, Entry>, S: ReadableTable<Group, u64>> View<E, S> {
    pub(super) fn read(&self, key: &str, stamps: &Stamps, now: u64) -> Result<Reading, Trouble> {
        let fields = stamps.fields.iter().map(|field| self.stamp_of(&stamps.hash, field));
        let tags = stamps.tags.iter().map(|tag| self.tag(tag, now));
        Ok(Reading { found: self.find(key, now)?, stamps: fields.chain(tags).collect::<Result<_, _>>()? })
    }

    pub(super) fn find(&self, key: &str, now: u64) -> Result<Option<Found>, Trouble> {
        Ok(self.entries.get(key)?.and_then(|entry| {
            let (expires, bytes) = entry.value();
            let remaining = expires.checked_sub(now).filter(|left| *left > 0)?;
            Some(Found { bytes: bytes.to_vec(), remaining: Some(Duration::from_millis(remaining)) })
        }))
    }

    /// The stamp of a tag: an entry as any other, so that it ends.
    fn tag(&self, tag: &str, now: u64) -> Result<Option<u64>, Trouble> {
        Ok(self.find(tag, now)?.and_then(|found| Some(u64::from_le_bytes(found.bytes.try_into().ok()?))))
    }

    pub(super) fn groups(&self, hash: &str) -> Result<Vec<String>, Trouble> {
        let mut groups = Vec::new();
        for row in self.stamps.range((hash, "")..)? {
            let (at, _) = row?;
            let (of, group) = at.value();
            if of != hash {
                break;
            }
            groups.push(group.to_owned());
        }
        Ok(groups)
    }

    /// One page of a scan. `Ok(Err(_))`: the cursor is not known any more.
    pub(super) fn scan(
        &self,
        start: &str,
        cursor: u64,
        cursors: &mut Cursors,
        now: u64,
    ) -> Result<Result<Page, Error>, Trouble> {
        let Some(place) = cursors.enter(cursor) else {
            return Ok(Err(Error::new(ErrorKind::Overloaded, "this scan was left open for too long; begin it again")));
        };
        let (keys, last) = self.page(start, &place, now)?;
        Ok(Ok(Page { keys, next: last.map(|last| cursors.leave(cursor, last)) }))
    }

    /// The live keys of a page, and its last key unless it is the last page.
    fn page(&self, start: &str, place: &Place, now: u64) -> Result<(Vec<String>, Option<String>), Trouble> {
        let from = match place {
            Place::Beginning => std::ops::Bound::Included(start),
            Place::After(key) => std::ops::Bound::Excluded(key.as_str()),
        };
        let (mut keys, mut bytes) = (Vec::new(), 0);
        for (seen, row) in self.entries.range::<&str>((from, std::ops::Bound::Unbounded))?.enumerate() {
            let (key, entry) = row?;
            let (key, (expires, value)) = (key.value(), entry.value());
            if !key.starts_with(start) {
                return Ok((keys, None));
            }
            if expires > now {
                keys.push(key.to_owned());
            }
            bytes += value.len();
            if seen + 1 == PAGE_KEYS || bytes > PAGE_BYTES {
                return Ok((keys, Some(key.to_owned())));
            }
        }
        Ok((keys, None))
    }

    fn stamp_of(&self, hash: &str, group: &str) -> Result<Option<u64>, Trouble> {
        Ok(self.stamps.get((hash, group))?.map(|stamp| stamp.value()))
    }
}

/// All tables of a transaction that writes.
pub(super) struct Tables<'t> {
    pub(super) view: View<Table<'t, &'static str, Entry>, Table<'t, Group, u64>>,
    expiry: Table<'t, Due, u64>,
    meta: Table<'t, &'static str, u64>,
    weight: u64,
    /// Whether anything is different from before the transaction.
    pub(super) changed: bool,
    /// Whether an entry went away that could have been read: a crash must not bring it back.
    pub(super) lasting: bool,
}

impl<'t> Tables<'t> {
    pub(super) fn of(txn: &'t WriteTransaction) -> Result<Self, Trouble> {
        let meta = txn.open_table(META)?;
        let weight = number(&meta, WEIGHT)?;
        let view = View { entries: txn.open_table(ENTRIES)?, stamps: txn.open_table(STAMPS)? };
        Ok(Self { view, expiry: txn.open_table(EXPIRY)?, meta, weight, changed: false, lasting: false })
    }

    /// The latest time at which something was written.
    pub(super) fn clock(&self) -> Result<u64, Trouble> {
        number(&self.meta, CLOCK)
    }

    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    pub(super) fn write(&mut self, key: &str, bytes: &[u8], life: Duration, now: u64) -> Result<(), Trouble> {
        self.remove(key, now)?;
        let expires = now.saturating_add(u64::try_from(life.as_millis()).unwrap_or(u64::MAX));
        let weight = weight(key, bytes);
        self.view.entries.insert(key, (expires, bytes))?;
        self.expiry.insert((expires, key), weight)?;
        self.weight += weight;
        self.changed = true;
        Ok(())
    }

    pub(super) fn remove(&mut self, key: &str, now: u64) -> Result<(), Trouble> {
        let Some((expires, weight)) = self.view.entries.remove(key)?.map(|entry| {
            let (expires, bytes) = entry.value();
            (expires, weight(key, bytes))
        }) else {
            return Ok(());
        };
        self.expiry.remove((expires, key))?;
        self.weight = self.weight.saturating_sub(weight);
        self.changed = true;
        self.lasting |= expires > now;
        Ok(())
    }

    pub(super) fn stamp(
        &mut self,
        stamps: &Stamps,
        fresh: &[u64],
        life: Duration,
        now: u64,
    ) -> Result<Vec<u64>, Trouble> {
        let mut held = Vec::with_capacity(stamps.len());
        for (field, fresh) in stamps.fields.iter().zip(fresh) {
            let stamp = self.view.stamp_of(&stamps.hash, field)?;
            if stamp.is_none() {
                self.view.stamps.insert((&*stamps.hash, field.as_str()), fresh)?;
                self.changed = true;
            }
            held.push(stamp.unwrap_or(*fresh));
        }
        for (tag, fresh) in stamps.tags.iter().zip(&fresh[stamps.fields.len()..]) {
            let stamp = self.view.tag(tag, now)?;
            match stamp {
                Some(_) => self.keep_tag(tag, life, now)?,
                None => self.write(tag, &fresh.to_le_bytes(), tag_life(life), now)?,
            }
            held.push(stamp.unwrap_or(*fresh));
        }
        Ok(held)
    }

    /// Sees that a tag's stamp, if it has one, is kept for long enough. That need not outlast a crash: then it is a miss.
    pub(super) fn keep_tag(&mut self, tag: &str, life: Duration, now: u64) -> Result<(), Trouble> {
        let (life, lasting) = (tag_life(life), self.lasting);
        if let Some(found) = self.view.find(tag, now)?.filter(|found| found.remaining < Some(life)) {
            self.write(tag, &found.bytes, life, now)?;
            self.lasting = lasting;
        }
        Ok(())
    }

    pub(super) fn unstamp(&mut self, stamps: &Stamps, now: u64) -> Result<(), Trouble> {
        for field in &*stamps.fields {
            let gone = self.view.stamps.remove((&*stamps.hash, field.as_str()))?.is_some();
            self.changed |= gone;
            self.lasting |= gone;
        }
        stamps.tags.iter().try_for_each(|tag| self.remove(tag, now))
    }

    /// Removes up to `limit` expired entries; answers how many.
    pub(super) fn sweep(&mut self, limit: usize, now: u64) -> Result<usize, Trouble> {
        let mut count = 0;
        while count < limit && self.first_due()?.is_some_and(|expires| expires <= now) {
            self.drop_first(now)?;
            count += 1;
        }
        Ok(count)
    }

    /// Removes what expires soonest until the weight is at most `max`.
    pub(super) fn evict(&mut self, max: u64, now: u64) -> Result<(), Trouble> {
        if self.weight <= max {
            return Ok(());
        }
        while self.weight > max && self.drop_first(now)? {}
        let slack = max - max / 8;
        for _ in 0..SLACK {
            if self.weight <= slack || !self.drop_first(now)? {
                break;
            }
        }
        Ok(())
    }

    /// When the first entry expires.
    pub(super) fn first_due(&self) -> Result<Option<u64>, Trouble> {
        Ok(self.expiry.first()?.map(|(due, _)| due.value().0))
    }

    /// Forgets all entries, but not the stamps.
    pub(super) fn clear(&mut self) -> Result<(), Trouble> {
        self.view.entries.retain(|_, _| false)?;
        self.expiry.retain(|_, _| false)?;
        self.weight = 0;
        self.changed = true;
        Ok(())
    }

    /// Writes the numbers about the whole; the last thing before a commit.
    pub(super) fn finish(mut self, now: u64) -> Result<(), Trouble> {
        self.meta.insert(WEIGHT, self.weight)?;
        self.meta.insert(CLOCK, now)?;
        Ok(())
    }

    fn drop_first(&mut self, now: u64) -> Result<bool, Trouble> {
        let Some((expires, key, weight)) = self.expiry.pop_first()?.map(|(due, weight)| {
            let (expires, key) = due.value();
            (expires, key.to_owned(), weight.value())
        }) else {
            return Ok(false);
        };
        self.view.entries.remove(key.as_str())?;
        self.weight = self.weight.saturating_sub(weight);
        self.changed = true;
        self.lasting |= expires > now;
        Ok(true)
    }
}

/// What an entry counts against the bound: about what it takes in the file. Its key is there twice, and redb gives a large
/// value a page of its own, whose size is a power of two.
pub(super) fn weight(key: &str, bytes: &[u8]) -> u64 {
    let plain = (2 * key.len() + bytes.len()) as u64 + OVERHEAD;
    if plain > PAGE { plain.next_power_of_two() } else { plain }
}

fn number(meta: &impl ReadableTable<&'static str, u64>, name: &str) -> Result<u64, Trouble> {
    Ok(meta.get(name)?.map_or(0, |number| number.value()))
}
