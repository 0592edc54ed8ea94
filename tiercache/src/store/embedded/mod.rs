//! L2 on disk, for one process: no server, and a warm cache after a restart.
//!
//! `disk` and `tables` are the file ([redb], a copy-on-write B-tree that survives crashes), `worker` the one thread that
//! touches it, this module the two ends that others hold: the builder and the store.
//!
//! [redb]: https://docs.rs/redb

mod clock;
mod cursors;
mod disk;
mod leases;
mod request;
mod tables;
#[cfg(test)]
mod tests;
mod worker;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};

use self::clock::Clock;
use self::disk::Disk;
use self::request::{Request, Response};
use self::worker::{Command, Worker};
use super::{Commit, Committed, Op, Page, Reading, Stamps, Store};
use crate::error::{Error, ErrorKind, Result};

/// The default of `max_bytes`.
const MAX_BYTES: u64 = 1 << 30;
/// How many bytes may wait for the worker; callers wait for room, within their deadline.
const QUEUE: u32 = 64 << 20;
/// How long a dropped store waits for its last writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// L2 in a file on this machine, for one process at a time.
///
/// For what runs without a server: tools, tests, small services, the first try. The file is a [redb] database; what is
/// cached is there after a restart, each entry with the rest of its life.
///
/// - **Size**: what is stored is at most [`max_bytes`](Self::max_bytes); when it would be more, what expires soonest goes
///   first. The file itself stays below four times `max_bytes`, plus 8 MiB.
/// - **Crashes**, also `kill -9`: the file stays whole. New entries of about the last second may be lost; whatever was
///   removed, replaced or invalidated does not come back.
/// - **Damage**: a file that is found to be damaged while it is used is replaced by an empty one, at the cost of one error.
///   redb verifies a file only after a crash, so this has limits: random bytes over its header can end the process.
/// - **Time**: lives are kept by the wall clock while no process runs, because no other clock survives a restart. If it
///   was set back since, nothing stored is believed.
/// - **Memory**: a page cache of at most 32 MiB.
///
/// [redb]: https://docs.rs/redb
#[must_use = "give it to `Cache::builder().l2(…)`"]
pub struct Embedded {
    path: PathBuf,
    max_bytes: u64,
    clock: Clock,
    disk: Disk,
}

impl Embedded {
    /// Opens the file at `path`, or creates it, with the directories above it.
    ///
    /// Reads from the disk: after a crash, as much as the file is long. Call it at start, not while requests are served.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if another process (or another `Embedded` of this one) has it open; [`ErrorKind::Io`] if it
    /// cannot be read and written, or is not a file of this cache. The text says what to do.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_at(path.as_ref(), Clock::default())
    }

    fn open_at(path: &Path, mut clock: Clock) -> Result<Self> {
        let (disk, from) = Disk::open(path, clock.read())?;
        clock.at_least(from);
        Ok(Self { path: path.to_owned(), max_bytes: MAX_BYTES, clock, disk })
    }

    /// The most that entries may take, 1 GiB by default. An entry counts with its value, twice its key and 64 bytes; one of
    /// more than 4 KiB with the next power of two, which is what the file spends on it.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Starts the thread that owns the file from now on.
    pub(crate) fn into_store(self) -> Result<EmbeddedStore> {
        let (commands, queue) = channel();
        let (running, ended) = channel();
        let path = self.path.clone();
        std::thread::Builder::new()
            .name("tiercache-embedded".to_owned())
            .spawn(move || {
                Worker::new(self.path, self.max_bytes, self.clock, self.disk).serve(&queue);
                drop(running);
            })
            .map_err(|error| {
                Error::new(ErrorKind::Io, "the thread of the embedded cache cannot be started").with_source(error)
            })?;
        let room = Arc::new(Semaphore::new(QUEUE as usize));
        Ok(EmbeddedStore { path, commands: Some(commands), room, ended: Mutex::new(ended) })
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The end of [`Embedded`] that the cache holds: it sends requests to the worker, and awaits the answers.
///
/// Dropped or closed, it waits for the worker to make the last writes durable and to let go of the file.
#[derive(Debug)]
pub(crate) struct EmbeddedStore {
    path: PathBuf,
    /// `None` only in `drop`.
    commands: Option<Sender<Command>>,
    room: Arc<Semaphore>,
    /// Hung up when the worker has let go of the file.
    ended: Mutex<Receiver<()>>,
}

impl EmbeddedStore {
    /// Has `request` done. A caller that gives up while it waits for room was never there; later, its request is done
    /// without it.
    async fn ask(&self, request: Request) -> Result<Response> {
        let room = u32::try_from(request.weight()).unwrap_or(QUEUE).min(QUEUE);
        let room = self.room.clone().acquire_many_owned(room).await.map_err(|_| self.closed())?;
        let (answer, answered) = oneshot::channel();
        self.send(Command::Do { request, answer, room })?;
        answered.await.map_err(|_| self.closed())?
    }

    fn send(&self, command: Command) -> Result<()> {
        self.commands.as_ref().and_then(|commands| commands.send(command).ok()).ok_or_else(|| self.closed())
    }

    fn closed(&self) -> Error {
        Error::new(ErrorKind::Unavailable, format!("the embedded cache {} is closed", self.path.display()))
    }
}

/// An operation of the store: a request, and what of the answer is asked for.
macro_rules! op {
    ($store:ident, $request:expr, $answer:pat => $picked:expr) => {{
        let request = $request;
        Box::pin(async move {
            match $store.ask(request).await? {
                $answer => Ok($picked),
                other => Err(Error::new(ErrorKind::Protocol, format!("not an answer to this request: {other:?}"))),
            }
        })
    }};
}

impl Store for EmbeddedStore {
    fn read<'a>(&'a self, key: &'a str, stamps: &'a Stamps) -> Op<'a, Reading> {
        let (key, stamps) = (key.to_owned(), stamps.clone());
        op!(self, Request::Read { key, stamps }, Response::Reading(reading) => reading)
    }

    fn read_here<'a>(&'a self, key: &'a str, stamps: &'a Stamps) -> Option<Op<'a, Reading>> {
        Some(self.read(key, stamps))
    }

    fn claim<'a>(&'a self, key: &'a str, lease: &'a [u8], life: Duration) -> Op<'a, Option<Vec<u8>>> {
        let (key, lease) = (key.to_owned(), lease.to_vec());
        op!(self, Request::Claim { key, lease, life }, Response::InPlace(found) => found)
    }

    fn swap<'a>(
        &'a self,
        key: &'a str,
        expected: &'a [u8],
        bytes: Vec<u8>,
        life: Duration,
        tags: &'a [String],
    ) -> Op<'a, bool> {
        let (key, expected, tags) = (key.to_owned(), expected.to_vec(), tags.to_vec());
        op!(self, Request::Swap { key, expected, bytes, life, tags }, Response::Held(held) => held)
    }

    fn commit(&self, commit: Commit) -> Op<'_, Committed> {
        op!(self, Request::Commit(commit), Response::Held(stored) => Committed { stored, place: None })
    }

    fn extend<'a>(&'a self, key: &'a str, expected: &'a [u8], life: Duration) -> Op<'a, bool> {
        let (key, expected) = (key.to_owned(), expected.to_vec());
        op!(self, Request::Extend { key, expected, life }, Response::Held(held) => held)
    }

    fn release<'a>(&'a self, key: &'a str, expected: &'a [u8]) -> Op<'a, bool> {
        let (key, expected) = (key.to_owned(), expected.to_vec());
        op!(self, Request::Release { key, expected }, Response::Held(held) => held)
    }

    fn remove<'a>(&'a self, keys: &'a [String]) -> Op<'a, ()> {
        op!(self, Request::Remove { keys: keys.to_vec() }, Response::Done => ())
    }

    fn stamp<'a>(&'a self, stamps: &'a Stamps, fresh: &'a [u64], life: Duration) -> Op<'a, Vec<u64>> {
        let (stamps, fresh) = (stamps.clone(), fresh.to_vec());
        op!(self, Request::Stamp { stamps, fresh, life }, Response::Stamps(stamps) => stamps)
    }

    fn groups<'a>(&'a self, hash: &'a str) -> Op<'a, Vec<String>> {
        op!(self, Request::Groups { hash: hash.to_owned() }, Response::Groups(groups) => groups)
    }

    fn unstamp<'a>(&'a self, stamps: &'a Stamps) -> Op<'a, ()> {
        op!(self, Request::Unstamp { stamps: stamps.clone() }, Response::Done => ())
    }

    fn scan<'a>(&'a self, start: &'a str, cursor: u64) -> Op<'a, Page> {
        op!(self, Request::Scan { start: start.to_owned(), cursor }, Response::Page(page) => page)
    }

    fn ping(&self) -> Op<'_, ()> {
        op!(self, Request::Ping, Response::Done => ())
    }

    fn close(&self) -> Op<'_, ()> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            // Closed before: nothing is left to do.
            let Ok(()) = self.send(Command::Close { answer }) else { return Ok(()) };
            answered.await.unwrap_or(Ok(()))
        })
    }

    fn describe(&self) -> String {
        format!("embedded ({})", self.path.display())
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.commands = None;
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!(path = %self.path.display(), "the disk of the embedded cache does not answer; it is left alone");
        }
    }
}
