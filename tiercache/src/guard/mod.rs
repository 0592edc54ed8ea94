//! Every operation of L2 passes here: onto the cache's own thread, under a deadline, counted when it fails.
//!
//! Reads are waited for in their callers' tasks where the store allows it: to hand each to a task of its own and back costs more
//! than the read itself.

mod deadline;
mod io;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

pub(crate) use io::Io;
use tokio::task::AbortHandle;

use deadline::Deadlines;

use crate::error::{Error, ErrorKind, Result};
use crate::store::{Hear, Joined, Page, Reading, Sent, Shared, Stamps, Store, Tell, Wanted};

/// L2, guarded. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Guard {
    inner: Arc<Inner>,
}

struct Inner {
    io: Arc<Io>,
    store: Arc<dyn Store>,
    deadline: Duration,
    /// Of the reads that run in their callers' tasks.
    reads: Arc<Deadlines>,
    errors: Errors,
}

impl Guard {
    pub(crate) fn new(io: Arc<Io>, store: Arc<dyn Store>, deadline: Duration) -> Self {
        let reads = Arc::new(Deadlines::new(deadline));
        let watched = Arc::clone(&reads);
        io.spawn(async move { watched.watch().await });
        Self { inner: Arc::new(Inner { io, store, deadline, reads, errors: Errors::default() }) }
    }

    /// See [`Store::read`].
    pub(crate) async fn read(&self, key: Arc<str>, stamps: Stamps) -> Result<Reading> {
        if let Some(read) = self.inner.store.read_here(&key, &stamps) {
            let result = self.inner.reads.keep(read).await.unwrap_or_else(|| Err(late(self.inner.deadline)));
            let result = self.noted(result);
            if !matches!(&result, Err(error) if error.kind() == ErrorKind::Unavailable) {
                return result;
            }
            // A connection that broke says nothing of the server: once more, over a new one.
        }
        self.run(move |store| async move { store.read(&key, &stamps).await }).await
    }

    /// See [`Store::write`]. Once begun it goes on, also when the caller is dropped.
    pub(crate) async fn write(&self, key: Arc<str>, bytes: Vec<u8>, life: Duration) -> Result<()> {
        self.run(move |store| async move { store.write(&key, bytes, life).await }).await
    }

    /// See [`Store::read_many`].
    pub(crate) async fn read_many(&self, wanted: Vec<Wanted>) -> Result<Vec<Result<Reading>>> {
        self.run(move |store| async move { store.read_many(&wanted).await }).await
    }

    /// See [`Store::write_many`]. Once begun it goes on, also when the caller is dropped.
    pub(crate) async fn write_many(&self, sent: Vec<Sent>, tell: Tell) -> Result<()> {
        self.run(move |store| async move { store.write_many(sent, &tell).await }).await
    }

    /// See [`Store::claim`]. What `then` makes of the answer is dropped if the caller is gone by then.
    pub(crate) async fn claim<T: Send + 'static>(
        &self,
        key: Arc<str>,
        lease: Arc<[u8]>,
        life: Duration,
        then: impl FnOnce(Option<Vec<u8>>) -> T + Send + 'static,
    ) -> Result<T> {
        self.run(move |store| async move { store.claim(&key, &lease, life).await.map(then) }).await
    }

    /// See [`Store::swap`]. Once begun it goes on, also when the caller is dropped.
    pub(crate) async fn swap(
        &self,
        key: Arc<str>,
        expected: Arc<[u8]>,
        bytes: Vec<u8>,
        life: Duration,
        tags: Arc<[String]>,
    ) -> Result<bool> {
        self.run(move |store| async move { store.swap(&key, &expected, bytes, life, &tags).await }).await
    }

    /// See [`Store::extend`].
    pub(crate) async fn extend(&self, key: Arc<str>, expected: Arc<[u8]>, life: Duration) -> Result<bool> {
        self.run(move |store| async move { store.extend(&key, &expected, life).await }).await
    }

    /// See [`Store::release`]. Once begun it goes on, also when the caller is dropped.
    pub(crate) async fn release(&self, key: Arc<str>, expected: Arc<[u8]>) -> Result<bool> {
        self.run(move |store| async move { store.release(&key, &expected).await }).await
    }

    /// See [`Store::remove`]. Once begun it goes on, also when the caller is dropped.
    pub(crate) async fn remove(&self, keys: Vec<String>) -> Result<()> {
        self.run(move |store| async move { store.remove(&keys).await }).await
    }

    /// See [`Store::stamp`], with random stamps.
    pub(crate) async fn stamp(&self, stamps: Stamps, life: Duration) -> Result<Vec<u64>> {
        let fresh: Vec<u64> = (0..stamps.len()).map(|_| fastrand::u64(..)).collect();
        self.run(move |store| async move { store.stamp(&stamps, &fresh, life).await }).await
    }

    /// See [`Store::touch`].
    pub(crate) async fn touch(&self, stamps: Stamps) -> Result<()> {
        self.run(move |store| async move { store.touch(&stamps).await }).await
    }

    /// See [`Store::groups`].
    pub(crate) async fn groups(&self, hash: Arc<str>) -> Result<Vec<String>> {
        self.run(move |store| async move { store.groups(&hash).await }).await
    }

    /// Removes keys and stamps; where there are other instances, tells them. Once begun it goes on, also when the caller is dropped.
    pub(crate) async fn invalidate(&self, keys: Vec<String>, stamps: Stamps, tell: Tell) -> Result<()> {
        self.run(move |store| async move {
            if let Some(shared) = store.shared() {
                return shared.invalidate(&keys, &stamps, &tell).await;
            }
            store.remove(&keys).await?;
            store.unstamp(&stamps).await
        })
        .await
    }

    /// Whether there may be other instances.
    pub(crate) fn is_shared(&self) -> bool {
        self.inner.store.shared().is_some()
    }

    /// See [`Shared::append`].
    pub(crate) async fn append(&self, log: Arc<str>, message: Vec<u8>) -> Result<String> {
        self.run(move |store| async move { shared(&*store)?.append(&log, message).await }).await
    }

    /// See [`Shared::read_log`].
    pub(crate) async fn read_log(&self, log: Arc<str>, from: String, count: usize) -> Result<Vec<(String, Vec<u8>)>> {
        self.run(move |store| async move { shared(&*store)?.read_log(&log, &from, count).await }).await
    }

    /// See [`Shared::listen`].
    pub(crate) async fn listen(&self, channel: &str, hear: Hear, joined: Joined) -> Result<()> {
        shared(&*self.inner.store)?.listen(channel, hear, joined).await
    }

    /// See [`Store::scan`].
    pub(crate) async fn scan(&self, start: String, cursor: u64) -> Result<Page> {
        self.run(move |store| async move { store.scan(&start, cursor).await }).await
    }

    /// See [`Store::ping`].
    pub(crate) async fn ping(&self) -> Result<()> {
        self.run(|store| async move { store.ping().await }).await
    }

    /// See [`Store::close`].
    pub(crate) async fn close(&self) -> Result<()> {
        self.run(|store| async move { store.close().await }).await
    }

    /// Waits, by the clock of the cache's own thread: the user's may be paused.
    pub(crate) async fn pause(&self, time: Duration) {
        // The thread ends with the cache; then there is nothing to wait for.
        let _ = self.inner.io.spawn(tokio::time::sleep(time)).await;
    }

    /// Runs `task` on the cache's own thread.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.inner.io.spawn(task).abort_handle()
    }

    pub(crate) fn describe(&self) -> String {
        self.inner.store.describe()
    }

    /// Failed operations by kind, those that happened only.
    pub(crate) fn errors(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.inner.errors.snapshot().into_iter()
    }

    async fn run<T, F>(&self, op: impl FnOnce(Arc<dyn Store>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let deadline = self.inner.deadline;
        let op = op(Arc::clone(&self.inner.store));
        let task = self
            .inner
            .io
            .spawn(async move { tokio::time::timeout(deadline, op).await.unwrap_or_else(|_| Err(late(deadline))) });
        let result = task.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::NotInstalled, "the cache is closed")));
        self.noted(result)
    }

    /// Counts a failure.
    fn noted<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.inner.errors.count(error.kind());
            tracing::debug!(error = %error, "L2 operation failed");
        }
        result
    }
}

fn late(deadline: Duration) -> Error {
    Error::new(ErrorKind::Timeout, format!("L2 did not answer within {deadline:?}"))
}

fn shared(store: &dyn Store) -> Result<&dyn Shared> {
    store.shared().ok_or_else(|| Error::new(ErrorKind::Protocol, "this L2 has one user and no news"))
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("store", &self.describe()).field("deadline", &self.inner.deadline).finish()
    }
}

/// Failed operations by kind.
#[derive(Default)]
struct Errors([AtomicU64; KINDS.len()]);

const KINDS: [(ErrorKind, &str); 8] = [
    (ErrorKind::Unavailable, "unavailable"),
    (ErrorKind::Timeout, "timeout"),
    (ErrorKind::Overloaded, "overloaded"),
    (ErrorKind::Refused, "refused"),
    (ErrorKind::WrongType, "wrong_type"),
    (ErrorKind::Protocol, "protocol"),
    (ErrorKind::Io, "io"),
    (ErrorKind::NotInstalled, "closed"),
];

impl Errors {
    fn count(&self, kind: ErrorKind) {
        if let Some(at) = KINDS.iter().position(|(known, _)| *known == kind) {
            self.0[at].fetch_add(1, Relaxed);
        }
    }

    fn snapshot(&self) -> Vec<(&'static str, u64)> {
        let counts = self.0.iter().map(|count| count.load(Relaxed));
        KINDS.iter().map(|(_, name)| *name).zip(counts).filter(|(_, count)| *count > 0).collect()
    }
}
