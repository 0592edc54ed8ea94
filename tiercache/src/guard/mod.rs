//! Every operation of L2 passes here: onto the cache's own thread, under a deadline, repeated where that is safe, counted when it fails;
//! and none while the breaker is open.
//!
//! Reads are waited for in their callers' tasks where the store allows it: to hand each to a task of its own and back costs more
//! than the read itself.

mod behind;
mod breaker;
mod budget;
mod deadline;
mod errors;
mod gate;
mod io;
mod pause;
mod probe;
#[cfg(all(test, feature = "test-util"))]
mod process;
mod reclaim;
mod repeat;
mod rights;
mod run;

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

pub(crate) use breaker::{Phase, refuses};
pub(crate) use io::Io;
pub(crate) use pause::Pauses;
#[cfg(all(test, feature = "test-util"))]
pub(crate) use process::Process;
use tokio::task::AbortHandle;

use breaker::Breaker;
use budget::Budget;
use deadline::Deadlines;
use errors::Errors;
use gate::Gate;
use rights::{Right, Rights};

use crate::error::{Error, ErrorKind, Result};
use crate::store::{Commit, Committed, Hear, Joined, Page, Reading, Sent, Shared, Stamps, Store, Tell, Wanted};

/// L2, guarded. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Guard {
    inner: Arc<Inner>,
    /// Asks also while the breaker is open.
    probes: bool,
    /// What one call may wait; without it, as long as each operation may take.
    budget: Option<Arc<Budget>>,
}

/// What an L2 is trusted with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long an operation may take, its repeats included.
    pub(crate) deadline: Duration,
    /// How often an operation that may be done twice is repeated.
    pub(crate) retries: u32,
    /// As many failures in a row open the breaker.
    pub(crate) failures: u32,
    /// The longest time until an L2 that refuses us, or is out of memory, is asked again.
    pub(crate) longest_pause: Duration,
}

struct Inner {
    io: Arc<Io>,
    store: Arc<dyn Store>,
    limits: Limits,
    breaker: Breaker,
    /// Of an L2 that is out of memory.
    writes: Gate,
    rights: Rights,
    repeats: AtomicU64,
    /// Of the reads that run in their callers' tasks.
    reads: Arc<Deadlines>,
    errors: Errors,
}

impl Guard {
    pub(crate) fn new(io: Arc<Io>, store: Arc<dyn Store>, limits: Limits) -> Self {
        let reads = Arc::new(Deadlines::new(limits.deadline));
        let watched = Arc::clone(&reads);
        io.spawn(async move { watched.watch().await });
        let inner = Inner {
            io,
            store,
            limits,
            breaker: Breaker::new(limits.failures),
            writes: Gate::new("values", ErrorKind::OutOfMemory, limits.longest_pause),
            rights: Rights::new(limits.longest_pause),
            repeats: AtomicU64::new(0),
            reads,
            errors: Errors::default(),
        };
        Self { inner: Arc::new(inner), probes: false, budget: None }
    }

    /// See [`Store::read`].
    pub(crate) async fn read(&self, key: Arc<str>, stamps: Stamps) -> Result<Reading> {
        let read = pin!(self.read_here_or_there(key, stamps));
        self.in_budget(pin!(self.by_right(Right::Read, read))).await
    }

    /// See [`Store::commit`]. Once begun it goes on, also when the caller is dropped. Not repeated: an attempt that seems lost may be carried
    /// out, and the next one would find its own value in the place.
    pub(crate) async fn commit(&self, commit: Commit) -> Result<Committed> {
        self.run_write(Right::Write, move |store| async move { store.commit(commit).await }).await
    }

    /// See [`Store::read_many`].
    pub(crate) async fn read_many(&self, wanted: Arc<[Wanted]>) -> Result<Vec<Result<Reading>>> {
        let read = self.run_twice(move |store| {
            let wanted = Arc::clone(&wanted);
            async move { store.read_many(&wanted).await }
        });
        self.in_budget(pin!(self.by_right(Right::ReadMany, pin!(read)))).await
    }

    /// See [`Store::write_many`]. Once begun it goes on, also when the caller is dropped. Not repeated: as [`Guard::commit`].
    pub(crate) async fn write_many(&self, sent: Vec<Sent>, tell: Tell) -> Result<Option<String>> {
        self.run_write(Right::Write, move |store| async move { store.write_many(sent, tell).await }).await
    }

    /// See [`Store::claim`]. What `then` makes of the answer is dropped if the caller is gone by then.
    ///
    /// Never repeated: a request that seems lost may still be carried out, also after an invalidation, and would bring back a lease that
    /// it voided if a second one with the same nonce had been granted.
    pub(crate) async fn claim<T: Send + 'static>(
        &self,
        key: Arc<str>,
        lease: Arc<[u8]>,
        life: Duration,
        then: impl FnOnce(Option<Vec<u8>>) -> T + Send + 'static,
    ) -> Result<T> {
        self.run_fill(move |store| async move { store.claim(&key, &lease, life).await.map(then) }).await
    }

    /// See [`Store::swap`]. Once begun it goes on, also when the caller is dropped.
    ///
    /// Never repeated: if the first attempt was carried out and its answer lost, the second finds what it was to replace gone, as it does
    /// after an invalidation, and a good value would be given up.
    pub(crate) async fn swap(
        &self,
        key: Arc<str>,
        expected: Arc<[u8]>,
        bytes: Vec<u8>,
        life: Duration,
        tags: Arc<[String]>,
    ) -> Result<bool> {
        self.run_write(Right::Fill, move |store| async move { store.swap(&key, &expected, bytes, life, &tags).await })
            .await
    }

    /// See [`Store::extend`].
    pub(crate) async fn extend(&self, key: Arc<str>, expected: Arc<[u8]>, life: Duration) -> Result<bool> {
        self.run(move |store| async move { store.extend(&key, &expected, life).await }).await
    }

    /// See [`Store::release`]. Once begun it goes on, also when the caller is dropped.
    pub(crate) async fn release(&self, key: Arc<str>, expected: Arc<[u8]>) -> Result<bool> {
        let release = pin!(self.run(move |store| async move { store.release(&key, &expected).await }));
        self.in_budget(release).await
    }

    /// See [`Store::remove`]. Once begun it goes on, also when the caller is dropped.
    pub(crate) async fn remove(&self, keys: Vec<String>) -> Result<()> {
        let keys: Arc<[String]> = keys.into();
        let remove = self.run_twice(move |store| {
            let keys = Arc::clone(&keys);
            async move { store.remove(&keys).await }
        });
        self.in_budget(pin!(remove)).await
    }

    /// See [`Store::stamp`], with random stamps. Not repeated: an attempt that seems lost may be carried out after an invalidation, and
    /// a stamp must not come back.
    pub(crate) async fn stamp(&self, stamps: Stamps, life: Duration) -> Result<Vec<u64>> {
        let fresh: Vec<u64> = (0..stamps.len()).map(|_| fastrand::u64(..)).collect();
        self.run_fill(move |store| async move { store.stamp(&stamps, &fresh, life).await }).await
    }

    /// See [`Store::touch`].
    pub(crate) async fn touch(&self, stamps: Stamps) -> Result<()> {
        self.run_aside(move |store| async move { store.touch(&stamps).await }).await
    }

    /// See [`Store::groups`].
    pub(crate) async fn groups(&self, hash: Arc<str>) -> Result<Vec<String>> {
        let list = self.run_twice(move |store| {
            let hash = Arc::clone(&hash);
            async move { store.groups(&hash).await }
        });
        self.by_right(Right::List, pin!(list)).await
    }

    /// Removes keys and stamps; where there are other instances, tells them, and answers the id in the log. Once begun it goes on,
    /// also when the caller is dropped.
    pub(crate) async fn invalidate(&self, keys: Vec<String>, stamps: Stamps, tell: Tell) -> Result<Option<String>> {
        let all = Arc::new((keys, stamps, tell));
        let invalidate = self.run_twice(move |store| {
            let all = Arc::clone(&all);
            async move {
                let (keys, stamps, tell) = &*all;
                if let Some(shared) = store.shared() {
                    return shared.invalidate(keys, stamps, tell).await.map(Some);
                }
                store.remove(keys).await?;
                store.unstamp(stamps).await?;
                Ok(None)
            }
        });
        self.by_right(Right::Invalidate, pin!(invalidate)).await
    }

    /// Whether there may be other instances.
    pub(crate) fn is_shared(&self) -> bool {
        self.inner.store.shared().is_some()
    }

    /// See [`Shared::append`].
    pub(crate) async fn append(&self, log: Arc<str>, message: Vec<u8>) -> Result<String> {
        self.run_watch(move |store| async move { shared(&*store)?.append(&log, message).await }).await
    }

    /// See [`Shared::read_log`].
    pub(crate) async fn read_log(&self, log: Arc<str>, from: String, count: usize) -> Result<Vec<(String, Vec<u8>)>> {
        self.run_watch(move |store| async move { shared(&*store)?.read_log(&log, &from, count).await }).await
    }

    /// See [`Shared::trimmed_to`].
    pub(crate) async fn trimmed_to(&self, log: Arc<str>) -> Result<Option<String>> {
        self.run_watch(move |store| async move { shared(&*store)?.trimmed_to(&log).await }).await
    }

    /// See [`Shared::publish`].
    pub(crate) async fn publish(&self, channel: Arc<str>, message: Vec<u8>) -> Result<()> {
        self.run_aside(move |store| async move { shared(&*store)?.publish(&channel, message).await }).await
    }

    /// See [`Shared::listen`]. Waits first while the breaker is open: the bus has a connection of its own to try.
    pub(crate) async fn listen(&self, channel: &str, hear: Hear, joined: Joined) -> Result<()> {
        self.inner.breaker.until_closed().await;
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
}

fn shared(store: &dyn Store) -> Result<&dyn Shared> {
    store.shared().ok_or_else(|| Error::new(ErrorKind::Protocol, "this L2 has one user and no news"))
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("store", &self.describe())
            .field("limits", &self.inner.limits)
            .finish_non_exhaustive()
    }
}
