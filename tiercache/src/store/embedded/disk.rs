//! The file: opened, written in transactions, made durable, kept small. Everything here blocks.

use std::path::Path;
use std::{fmt, io};

use redb::{Database, Durability, Error as Trouble, ReadableDatabase, StorageError};

use super::cursors::Cursors;
use super::leases::Leases;
use super::request::{Answered, Beside, Request, change, look};
use super::tables::{Tables, View};
use crate::error::{Error, ErrorKind, Result};

/// Memory for redb's page cache; the system's page cache is behind it.
const CACHE: usize = 32 << 20;
/// How far the wall clock may have gone back since the last run, in milliseconds, before nothing stored is believed.
const CLOCK_STEP: u64 = 1_000;
/// A file of at least this size is compacted at opening when less than a quarter of it is entries.
const COMPACT_FROM: u64 = 4 << 20;

/// An open file.
#[derive(Debug)]
pub(super) struct Disk {
    db: Database,
    beside: Beside,
    /// Whether a crash would lose something.
    dirty: bool,
}

impl Disk {
    /// Opens or creates the file at `path`, at the time `now`. Answers also the time from which on the clock must go.
    pub(super) fn open(path: &Path, now: u64) -> Result<(Self, u64)> {
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(|error| unusable(&path.display(), error))?;
        }
        let opening = || -> Result<(Self, u64), Refusal> {
            let db = Database::builder().set_cache_size(CACHE).create(path)?;
            let mut disk = Self::of(db);
            let (clock, weight) = disk.prepare(now)?;
            disk.compact(path, weight);
            Ok((disk, clock))
        };
        // redb checks what it reads, but not everything it reads of a damaged file.
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(opening))
            .unwrap_or_else(|_| Err(StorageError::Corrupted("its structure is broken".to_owned()).into()))
            .map_err(|refusal| refusal.explain(path))
    }

    pub(super) fn of(db: Database) -> Self {
        Self { db, beside: Beside { cursors: Cursors::new(), leases: Leases::default() }, dirty: false }
    }

    /// Makes the tables, and forgets what was stored if its age cannot be known.
    fn prepare(&mut self, now: u64) -> Result<(u64, u64), Trouble> {
        let txn = self.db.begin_write()?;
        let mut tables = Tables::of(&txn)?;
        let mut clock = tables.clock()?;
        if clock > now + CLOCK_STEP {
            tracing::warn!("the wall clock was set back: what the embedded cache holds is forgotten");
            tables.clear()?;
            clock = now;
        }
        let (clock, weight) = (clock.max(now), tables.weight());
        tables.finish(clock)?;
        txn.commit()?;
        Ok((clock, weight))
    }

    /// Gives free space back to the file system if most of the file is free. It is only a matter of room: trouble is not
    /// reported here.
    fn compact(&mut self, path: &Path, weight: u64) {
        let length = std::fs::metadata(path).map_or(0, |file| file.len());
        if length >= COMPACT_FROM && weight < length / 4 {
            let compacted = self.db.compact();
            tracing::debug!(?compacted, "compacted the embedded cache");
        }
    }

    /// Does `requests` in their order, in one transaction. When it returns, everything that removed or replaced something
    /// is durable; new entries are so after the next [`sync`](Self::sync).
    pub(super) fn run(&mut self, requests: &[Request], max: u64, now: u64) -> Result<Vec<Answered>, Trouble> {
        if !requests.iter().any(Request::writes) {
            let txn = self.db.begin_read()?;
            let view = View::of(&txn)?;
            return requests.iter().map(|request| look(&view, &mut self.beside.cursors, request, now)).collect();
        }
        let mut txn = self.db.begin_write()?;
        let mut tables = Tables::of(&txn)?;
        let answers = requests
            .iter()
            .map(|request| change(&mut tables, &mut self.beside, request, max, now))
            .collect::<Result<_, _>>()?;
        tables.evict(max, now)?;
        let (changed, lasting) = (tables.changed, tables.lasting);
        tables.finish(now)?;
        if !changed {
            txn.abort()?;
            return Ok(answers);
        }
        txn.set_durability(if lasting { Durability::Immediate } else { Durability::None })?;
        txn.commit()?;
        self.dirty = !lasting;
        Ok(answers)
    }

    /// Makes everything durable.
    pub(super) fn sync(&mut self, now: u64) -> Result<(), Trouble> {
        if self.dirty {
            let txn = self.db.begin_write()?;
            Tables::of(&txn)?.finish(now)?;
            txn.commit()?;
            self.dirty = false;
        }
        Ok(())
    }

    /// Frees up to `limit` expired entries; answers how many, and when the next one expires.
    pub(super) fn sweep(&mut self, limit: usize, now: u64) -> Result<(usize, Option<u64>), Trouble> {
        let mut txn = self.db.begin_write()?;
        let mut tables = Tables::of(&txn)?;
        let count = tables.sweep(limit, now)?;
        let next = tables.first_due()?;
        if count == 0 {
            drop(tables);
            txn.abort()?;
            return Ok((0, next));
        }
        tables.finish(now)?;
        txn.set_durability(Durability::None)?;
        txn.commit()?;
        self.dirty = true;
        Ok((count, next))
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.dirty
    }

    #[cfg(test)]
    pub(super) fn weight(&mut self) -> Result<u64, Trouble> {
        Ok(Tables::of(&self.db.begin_write()?)?.weight())
    }
}

/// How much of `max` one transaction may write: until it is committed, the file holds the old and the new.
pub(super) fn share(max: u64) -> u64 {
    max / 8
}

/// Why a file could not be opened.
#[derive(Debug)]
struct Refusal(Trouble);

impl<T: Into<Trouble>> From<T> for Refusal {
    fn from(trouble: T) -> Self {
        Self(trouble.into())
    }
}

impl Refusal {
    /// The error for the file at `path`, with the cure.
    fn explain(self, path: &Path) -> Error {
        let path = path.display();
        match self.0 {
            Trouble::DatabaseAlreadyOpen => Error::config(format!(
                "the embedded cache {path} is open in another process; give each process its own path"
            )),
            Trouble::Io(error) if error.kind() != io::ErrorKind::InvalidData => unusable(&path, error),
            trouble => Error::new(
                ErrorKind::Io,
                format!("{path} is no embedded cache, or a damaged one; delete the file, or choose another path"),
            )
            .with_source(trouble),
        }
    }
}

fn unusable(path: &impl fmt::Display, error: io::Error) -> Error {
    let text = format!("the embedded cache {path} cannot be opened: {error}; choose a path this user may write to");
    Error::new(ErrorKind::Io, text).with_source(error)
}
