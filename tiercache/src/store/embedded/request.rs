//! What the worker is asked, and how each request is done inside a transaction.

use std::time::Duration;

use redb::{Error as Trouble, ReadableTable};

use super::cursors::Cursors;
use super::leases::Leases;
use super::tables::{Entry, Group, Tables, View, weight};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Commit, Page, Reading, Stamps};

/// A request that needs the file.
#[derive(Debug)]
pub(super) enum Request {
    Read { key: String, stamps: Stamps },
    Claim { key: String, lease: Vec<u8>, life: Duration },
    Swap { key: String, expected: Vec<u8>, bytes: Vec<u8>, life: Duration, tags: Vec<String> },
    Commit(Commit),
    Extend { key: String, expected: Vec<u8>, life: Duration },
    Release { key: String, expected: Vec<u8> },
    Remove { keys: Vec<String> },
    Stamp { stamps: Stamps, fresh: Vec<u64>, life: Duration },
    Groups { hash: String },
    Unstamp { stamps: Stamps },
    Scan { start: String, cursor: u64 },
    Ping,
}

/// The answer to a request.
#[derive(Debug)]
pub(super) enum Response {
    Done,
    /// Whether what was expected was there.
    Held(bool),
    /// What was in the place of the lease; nothing, if the lease is there now.
    InPlace(Option<Vec<u8>>),
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
            Self::Commit(commit) => weight(&commit.key, &commit.bytes),
            Self::Swap { key, bytes, .. } => weight(key, bytes),
            Self::Remove { keys } => keys.iter().map(|key| weight(key, &[])).sum(),
            Self::Stamp { stamps, .. } | Self::Unstamp { stamps } => {
                stamps.fields.iter().chain(&*stamps.tags).map(|name| weight(name, &[])).sum()
            }
            Self::Read { key, .. } | Self::Claim { key, .. } | Self::Extend { key, .. } | Self::Release { key, .. } => {
                weight(key, &[])
            }
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
        Request::Read { key, stamps } => Ok(Response::Reading(view.read(key, stamps, now)?)),
        Request::Groups { hash } => Ok(Response::Groups(view.groups(hash)?)),
        Request::Scan { start, cursor } => view.scan(start, *cursor, cursors, now)?.map(Response::Page),
        _ => Ok(Response::Done),
    })
}

/// What lives beside the tables.
#[derive(Debug)]
pub(super) struct Beside {
    pub(super) cursors: Cursors,
    pub(super) leases: Leases,
}

/// Does any request.
pub(super) fn change(
    tables: &mut Tables<'_>,
    beside: &mut Beside,
    request: &Request,
    max: u64,
    now: u64,
) -> Result<Answered, Trouble> {
    let leases = &mut beside.leases;
    match request {
        Request::Swap { key, bytes, .. } if weight(key, bytes) > max => {
            return refuse(tables, leases, key, bytes, max, now);
        }
        Request::Commit(Commit { key, bytes, .. }) if weight(key, bytes) > max => {
            return refuse(tables, leases, key, bytes, max, now);
        }
        Request::Commit(commit) => return Ok(Ok(Response::Held(put(tables, leases, commit, now)?))),
        Request::Claim { key, lease, life } => {
            let found = in_place(tables, leases, key, now)?;
            if found.is_none() {
                leases.put(key, lease, *life, now);
            }
            return Ok(Ok(Response::InPlace(found)));
        }
        Request::Swap { key, expected, .. }
        | Request::Extend { key, expected, .. }
        | Request::Release { key, expected } => {
            let found = in_place(tables, leases, key, now)?.filter(|found| found.starts_with(expected));
            let held = found.is_some();
            if let Some(found) = found {
                replace(tables, leases, request, key, &found, now)?;
            }
            return Ok(Ok(Response::Held(held)));
        }
        Request::Remove { keys } => {
            for key in keys {
                leases.remove(key);
                tables.remove(key, now)?;
            }
        }
        Request::Unstamp { stamps } => tables.unstamp(stamps, now)?,
        Request::Stamp { stamps, fresh, life } => {
            return Ok(Ok(Response::Stamps(tables.stamp(stamps, fresh, *life, now)?)));
        }
        _ => return look(&tables.view, &mut beside.cursors, request, now),
    }
    Ok(Ok(Response::Done))
}

/// Refuses bytes that do not fit. The old value goes all the same: the caller meant to replace it.
fn refuse(
    tables: &mut Tables<'_>,
    leases: &mut Leases,
    key: &str,
    bytes: &[u8],
    max: u64,
    now: u64,
) -> Result<Answered, Trouble> {
    leases.remove(key);
    tables.remove(key, now)?;
    Ok(Err(too_large(bytes.len(), max)))
}

/// Says whether the bytes are in the place now.
fn put(tables: &mut Tables<'_>, leases: &mut Leases, commit: &Commit, now: u64) -> Result<bool, Trouble> {
    let Commit { key, expected, bytes, is_lease, life, tags, tell: _ } = commit;
    let held = match expected {
        None => true,
        Some(expected) => in_place(tables, leases, key, now)?.is_some_and(|found| found.starts_with(expected)),
    };
    leases.remove(key);
    if held && *is_lease {
        tables.remove(key, now)?;
        leases.put(key, bytes, *life, now);
    } else if held {
        for tag in &**tags {
            tables.keep_tag(tag, *life, now)?;
        }
        tables.write(key, bytes, *life, now)?;
    } else {
        tables.remove(key, now)?;
    }
    Ok(held)
}

/// The lease or the value of `key`.
fn in_place(tables: &Tables<'_>, leases: &Leases, key: &str, now: u64) -> Result<Option<Vec<u8>>, Trouble> {
    if let Some(lease) = leases.get(key, now) {
        return Ok(Some(lease.to_vec()));
    }
    Ok(tables.view.find(key, now)?.map(|found| found.bytes))
}

/// Does a request whose condition holds: `found`, a lease or a value, is what was expected.
fn replace(
    tables: &mut Tables<'_>,
    leases: &mut Leases,
    request: &Request,
    key: &str,
    found: &[u8],
    now: u64,
) -> Result<(), Trouble> {
    let is_lease = leases.get(key, now).is_some();
    match request {
        Request::Extend { life, .. } if is_lease => leases.put(key, found, *life, now),
        Request::Extend { life, .. } => tables.write(key, found, *life, now)?,
        Request::Swap { bytes, life, tags, .. } => {
            leases.remove(key);
            for tag in tags {
                tables.keep_tag(tag, *life, now)?;
            }
            tables.write(key, bytes, *life, now)?;
        }
        _ if is_lease => leases.remove(key),
        _ => tables.remove(key, now)?,
    }
    Ok(())
}

fn too_large(length: usize, max: u64) -> Error {
    let text = format!("a value of {length} bytes does not fit the embedded cache; its `max_bytes` is {max}");
    Error::new(ErrorKind::TooLarge, text)
}
