//! The thread that does the file's work, so that no runtime ever waits for a disk.
//!
//! It takes everything that waits in its queue as one batch, does that in one transaction, and answers. Once a second it
//! makes new entries durable and frees expired ones. When the file fails (disk full, I/O error), callers get the error,
//! and the file is opened anew at most once a second. A file that turns out to be damaged is replaced by an empty one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use redb::{Error as Trouble, StorageError};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::clock::Clock;
use super::disk::{Disk, share};
use super::request::{Answered, Request};
use crate::error::{Error, ErrorKind};

/// How many requests one transaction takes.
const BATCH: usize = 1_024;
/// How many expired entries one transaction frees: callers wait no longer than for that.
const SWEEP: usize = 256;
/// How often new entries are made durable, expired ones freed, and a failed file opened anew.
const TICK: Duration = Duration::from_secs(1);
/// The longest sleep with nothing to do.
const IDLE: Duration = Duration::from_secs(60);

/// What is sent to the worker.
#[derive(Debug)]
pub(super) enum Command {
    Do {
        request: Request,
        answer: oneshot::Sender<Answered>,
        /// Its share of the queue, given back when it is done.
        room: OwnedSemaphorePermit,
    },
    Close {
        answer: Closed,
    },
}

/// Where the end of the work is told.
pub(super) type Closed = oneshot::Sender<Result<(), Error>>;

/// Why the file could not be used, shared by all who waited for it.
type Failure = Arc<dyn std::error::Error + Send + Sync>;

/// The worker's own state.
#[derive(Debug)]
pub(super) struct Worker {
    path: PathBuf,
    max_bytes: u64,
    clock: Clock,
    /// `None` after trouble, until it has been opened anew.
    disk: Option<Disk>,
    /// Why there is no disk.
    failure: Option<Failure>,
    /// When the file was last made durable.
    settled: Instant,
    /// When a failed file may be opened anew.
    retry: Instant,
    /// When to look after the file next.
    due: Instant,
}

impl Worker {
    pub(super) fn new(path: PathBuf, max_bytes: u64, clock: Clock, disk: Disk) -> Self {
        let now = Instant::now();
        Self { path, max_bytes, clock, disk: Some(disk), failure: None, settled: now, retry: now, due: now }
    }

    /// Serves `queue` until it is closed or nobody holds its other end. Then everything is durable and the file is free.
    pub(super) fn serve(mut self, queue: &Receiver<Command>) {
        loop {
            match queue.recv_timeout(self.due.saturating_duration_since(Instant::now())) {
                Ok(command) => {
                    if let Some(closed) = self.batch(command, queue) {
                        // The caller may have given up.
                        let _ = closed.send(self.finish());
                        return;
                    }
                    self.due = self.due.min(Instant::now() + TICK);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.due <= Instant::now() {
                self.due = Instant::now() + self.tick();
            }
        }
        if let Err(error) = self.finish() {
            tracing::warn!(%error, "the last writes of the embedded cache are lost");
        }
    }

    /// Does `first` and what waits behind it. Answers the sender of a `Close`, which ends the batch.
    fn batch(&mut self, first: Command, queue: &Receiver<Command>) -> Option<Closed> {
        let (mut requests, mut waiting, mut closed) = (Vec::new(), Vec::new(), None);
        let mut room = share(self.max_bytes);
        for command in std::iter::once(first).chain(queue.try_iter()).take(BATCH) {
            match command {
                // Nobody waits for the answer, and there is nothing else to it.
                Command::Do { request, answer, .. } if answer.is_closed() && !request.writes() => {}
                Command::Do { request, answer, room: held } => {
                    room = room.saturating_sub(request.weight());
                    requests.push(request);
                    waiting.push((answer, held));
                    if room == 0 {
                        break;
                    }
                }
                Command::Close { answer } => {
                    closed = Some(answer);
                    break;
                }
            }
        }
        let max = self.max_bytes;
        self.answer(waiting, |disk, now| disk.run(&requests, max, now));
        closed
    }

    fn answer(
        &mut self,
        waiting: Vec<(oneshot::Sender<Answered>, OwnedSemaphorePermit)>,
        work: impl FnOnce(&mut Disk, u64) -> Result<Vec<Answered>, Trouble>,
    ) {
        let mut done = self.with_disk(work).map(Vec::into_iter);
        for (to, room) in waiting {
            let answer = match &mut done {
                Ok(answers) => answers.next().expect("each request is answered"),
                Err(failure) => Err(self.error(failure)),
            };
            drop(room);
            // The caller may have given up.
            let _ = to.send(answer);
        }
    }

    /// Makes writes durable and frees expired entries. Answers how long this can wait now.
    fn tick(&mut self) -> Duration {
        let settle = self.settled.elapsed() >= TICK;
        let looked_after = self.with_disk(|disk, now| {
            if settle {
                disk.sync(now)?;
            }
            let (freed, next) = disk.sweep(SWEEP, now)?;
            Ok((freed == SWEEP, disk.is_dirty(), next.map(|next| Duration::from_millis(next.saturating_sub(now)))))
        });
        if settle {
            self.settled = Instant::now();
        }
        match looked_after {
            Ok((true, _, _)) => Duration::ZERO,
            Ok((_, false, next)) => next.unwrap_or(IDLE).clamp(TICK, IDLE),
            _ => TICK,
        }
    }

    /// Makes everything durable and lets go of the file.
    fn finish(&mut self) -> Result<(), Error> {
        let synced = match self.disk {
            Some(_) => self.with_disk(Disk::sync).map_err(|failure| self.error(&failure)),
            None => Ok(()),
        };
        self.release();
        synced
    }

    /// Works on the file; opens it anew if it has failed, at most once a tick.
    fn with_disk<T>(&mut self, work: impl FnOnce(&mut Disk, u64) -> Result<T, Trouble>) -> Result<T, Failure> {
        let now = self.clock.now();
        let disk = self.opened(now)?;
        // redb checks what it reads, but not everything it reads of a damaged file.
        let result = catch_unwind(AssertUnwindSafe(|| work(disk, now)))
            .unwrap_or_else(|_| Err(StorageError::Corrupted("its structure is broken".to_owned()).into()));
        result.map_err(|trouble| self.failed(trouble))
    }

    fn failed(&mut self, trouble: Trouble) -> Failure {
        self.retry = Instant::now() + TICK;
        if let Trouble::Corrupted(_) = trouble {
            // While it is still locked: a moment later it may be another process's.
            let removed = std::fs::remove_file(&self.path);
            tracing::warn!(path = %self.path.display(), ?removed, "the embedded cache is damaged; it begins anew");
            self.retry = Instant::now();
        }
        self.release();
        self.failure.insert(Arc::new(trouble)).clone()
    }

    fn opened(&mut self, now: u64) -> Result<&mut Disk, Failure> {
        if let Some(failure) = &self.failure {
            if Instant::now() < self.retry {
                return Err(failure.clone());
            }
            self.retry = Instant::now() + TICK;
            match Disk::open(&self.path, now) {
                Ok((disk, clock)) => {
                    self.clock.at_least(clock);
                    self.disk = Some(disk);
                    self.failure = None;
                }
                Err(error) => return Err(self.failure.insert(Arc::new(error)).clone()),
            }
        }
        Ok(self.disk.as_mut().expect("there is a disk or a failure"))
    }

    /// Closes the file. A damaged one may panic in that.
    fn release(&mut self) {
        let disk = self.disk.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(disk)));
    }

    fn error(&self, failure: &Failure) -> Error {
        let text = format!("the embedded cache {} failed: {failure}", self.path.display());
        Error::new(ErrorKind::Io, text).with_source(failure.clone())
    }
}
