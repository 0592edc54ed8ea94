//! What the worker is asked, and how each request is done inside a transaction.

use std::time::Duration;

use redb::{Error as Trouble, ReadableTable};

use super::cursors::Cursors;
use super::tables::{Entry, Group, Tables, View, weight};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Page, Reading};

/// A request that needs the file.
#[derive(Debug)]
pub(super) enum Request {
    Read { key: String, hash: String, groups: Vec<String> },
    Write { key: String, bytes: Vec<u8>, life: Duration },
    Remove { keys: Vec<String> },
    Stamp { hash: String, groups: Vec<String>, fresh: Vec<u64> },
    Groups { hash: String },
    Unstamp { hash: String, groups: Vec<String> },
    Scan { start: String, cursor: u64 },
    Ping,
}

/// The answer to a request.
#[derive(Debug)]
pub(super) enum Response {
    Done,
    Reading(Reading),
    Stamps(Vec<u64>),
    Groups(Vec<String>),
    Page(Page),
}

/// The answer, or why this one request is refused while others of its transaction are not.
pub(super) type Answered = Result<Response>;

impl Request {
    pub(super) fn writes(&self) -> bool {
        !matches!(self, Self::Read { .. } | Self::Groups { .. } | Self::Scan { .. } | Self::Ping)
    }

    /// How many bytes it carries, about.
    pub(super) fn weight(&self) -> u64 {
        match self {
            Self::Write { key, bytes, .. } => weight(key, bytes),
            Self::Remove { keys: names } | Self::Stamp { groups: names, .. } | Self::Unstamp { groups: names, .. } => {
                names.iter().map(|name| weight(name, &[])).sum()
            }
            Self::Read { key, .. } => weight(key, &[]),
            Self::Groups { .. } | Self::Scan { .. } | Self::Ping => weight("", &[]),
        }
    }
}

/// Does a request that changes nothing.
pub(super) fn look<E, S>(
    view: &View<E, S>,
    cursors: &mut Cursors,
    request: &Request,
    now: u64,
) -> Result<Answered, Trouble>
where
    E: ReadableTable<&'static str, Entry>,
    S: ReadableTable<Group, u64>,
{
    Ok(match request {
        Request::Read { key, hash, groups } => Ok(Response::Reading(view.read(key, hash, groups, now)?)),
        Request::Groups { hash } => Ok(Response::Groups(view.groups(hash)?)),
        Request::Scan { start, cursor } => view.scan(start, *cursor, cursors, now)?.map(Response::Page),
        _ => Ok(Response::Done),
    })
}

/// Does any request.
pub(super) fn change(
    tables: &mut Tables<'_>,
    cursors: &mut Cursors,
    request: &Request,
    max: u64,
    now: u64,
) -> Result<Answered, Trouble> {
    match request {
        Request::Write { key, bytes, .. } if weight(key, bytes) > max => {
            // Not the old value either: the caller meant to replace it.
            tables.remove(key, now)?;
            return Ok(Err(too_large(bytes.len(), max)));
        }
        Request::Write { key, bytes, life } => tables.write(key, bytes, *life, now)?,
        Request::Remove { keys } => keys.iter().try_for_each(|key| tables.remove(key, now))?,
        Request::Unstamp { hash, groups } => tables.unstamp(hash, groups)?,
        Request::Stamp { hash, groups, fresh } => {
            return Ok(Ok(Response::Stamps(tables.stamp(hash, groups, fresh)?)));
        }
        _ => return look(&tables.view, cursors, request, now),
    }
    Ok(Ok(Response::Done))
}

fn too_large(length: usize, max: u64) -> Error {
    let text = format!("a value of {length} bytes does not fit the embedded cache; its `max_bytes` is {max}");
    Error::new(ErrorKind::TooLarge, text)
}
