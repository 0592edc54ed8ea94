//! The contract of L2, and its implementations.
//!
//! A store keeps bytes under keys for a time, and the *stamps* of groups: those of a namespace and of prefixes in one hash, those of
//! tags as keys of their own, because there may be any number of them and each is to go when nothing carries it any more. It never
//! looks into the bytes. Everything here runs on the cache's own I/O thread (but see [`Store::read_here`]), under a deadline
//! that `guard` sets: an implementation MUST be safe to drop at any await, MUST NOT block the thread, and MUST NOT retry by itself.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};

use crate::error::Result;

#[cfg(test)]
pub(crate) mod conformance;
#[cfg(feature = "embedded")]
pub(crate) mod embedded;
#[cfg(feature = "test-util")]
pub(crate) mod memory;
#[cfg(feature = "redis")]
pub(crate) mod redis;

/// The future of a store's operation.
pub(crate) type Op<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// What a store holds under a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) bytes: Vec<u8>,
    /// How long the store will still keep it; `None` if for ever.
    pub(crate) remaining: Option<Duration>,
}

/// The answer to a read: the value, if any, and the stamps of the groups asked for, in their order.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) found: Option<Found>,
    pub(crate) stamps: Vec<Option<u64>>,
}

/// One read of many.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) key: Arc<str>,
    pub(crate) stamps: Stamps,
}

/// One write of many.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) key: Arc<str>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) life: Duration,
    /// As in [`Commit`].
    pub(crate) is_lease: bool,
    pub(crate) tags: Arc<[String]>,
}

/// One replacement of many, as [`Store::swap`] does it.
#[derive(Debug)]
pub(crate) struct Swap {
    pub(crate) key: Arc<str>,
    pub(crate) expected: Arc<[u8]>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) life: Duration,
    pub(crate) tags: Arc<[String]>,
}

/// One page of a scan.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) keys: Vec<String>,
    /// Where the next page begins; `None` after the last one.
    pub(crate) next: Option<u64>,
}

/// Where the stamps of some groups are. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Stamps {
    /// The hash of the namespace and its prefixes.
    pub(crate) hash: Arc<str>,
    /// Its fields.
    pub(crate) fields: Arc<[String]>,
    /// The keys of tags.
    pub(crate) tags: Arc<[String]>,
}

impl Stamps {
    /// How many there are. In answers, those of the fields come first.
    pub(crate) fn len(&self) -> usize {
        self.fields.len() + self.tags.len()
    }
}

/// How long a tag's stamp lives at least after an entry of this `life` was made: while any entry carries it, and then as long again,
/// so that a clock that drifts takes nothing from a live entry.
pub(crate) fn tag_life(life: Duration) -> Duration {
    life.saturating_mul(2)
}

/// What the other instances are told, and where.
#[derive(Clone, Debug)]
pub(crate) struct Tell {
    pub(crate) log: String,
    pub(crate) channel: String,
    pub(crate) message: Vec<u8>,
}

/// What a writer puts in the place of a value.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) key: Arc<str>,
    /// What must be under the key, by what it begins with; without it, anything may.
    pub(crate) expected: Option<Arc<[u8]>>,
    pub(crate) bytes: Vec<u8>,
    /// The bytes are those of a lease, which is kept like one that was claimed.
    #[cfg_attr(not(feature = "embedded"), allow(dead_code, reason = "the other stores keep both alike"))]
    pub(crate) is_lease: bool,
    pub(crate) life: Duration,
    /// The keys of the tags that it carries: those that have a stamp keep it for [`tag_life`].
    pub(crate) tags: Arc<[String]>,
    /// What the other instances are told, where there are any.
    pub(crate) tell: Tell,
}

/// What came of a commit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    /// Else nothing is there any more.
    pub(crate) stored: bool,
    /// Where it was told in the log, if there is one.
    pub(crate) place: Option<String>,
}

/// Is called with each message of the bus.
pub(crate) type Hear = Box<dyn Fn(&[u8]) + Send + Sync>;
/// Is called when the bus has been joined.
pub(crate) type Joined = Box<dyn Fn() + Send + Sync>;

/// The L2 contract.
pub(crate) trait Store: Send + Sync + 'static {
    /// The value at `key` with its remaining life, and `stamps`, read in this order in one round trip. A value of a foreign type
    /// at `key` is `ErrorKind::WrongType`.
    fn read<'a>(&'a self, key: &'a str, stamps: &'a Stamps) -> Op<'a, Reading>;

    /// The same in its caller's task: on any thread, under any runtime or none, whose clock may be paused. `None` if it cannot
    /// begin like that now.
    fn read_here<'a>(&'a self, key: &'a str, stamps: &'a Stamps) -> Option<Op<'a, Reading>>;

    /// As [`Store::read`] for each of `wanted`, in their order: in one round trip, where there are any. Their stamps are in one hash.
    fn read_many<'a>(&'a self, wanted: &'a [Wanted]) -> Op<'a, Vec<Result<Reading>>> {
        let reads = wanted.iter().map(|one| self.read(&one.key, &one.stamps));
        let reads = join_all(reads.collect::<Vec<_>>());
        Box::pin(async move { Ok(reads.await) })
    }

    /// Puts `lease` under `key` for `life` if nothing is there. Answers what was: `None` means that the lease is there now.
    fn claim<'a>(&'a self, key: &'a str, lease: &'a [u8], life: Duration) -> Op<'a, Option<Vec<u8>>>;

    /// Replaces what is under `key` by `bytes` for `life` if it begins with `expected`, and sees that those of `tags` that have a
    /// stamp keep it for [`tag_life`]. Says whether it did; a key that is gone is never made.
    fn swap<'a>(
        &'a self,
        key: &'a str,
        expected: &'a [u8],
        bytes: Vec<u8>,
        life: Duration,
        tags: &'a [String],
    ) -> Op<'a, bool>;

    /// As [`Store::swap`] for each of `swaps`, with an answer for each, in their order: in one round trip, where there are any.
    fn swap_many(&self, swaps: Vec<Swap>) -> Op<'_, Vec<Result<bool>>> {
        let one = |Swap { key, expected, bytes, life, tags }| async move {
            self.swap(&key, &expected, bytes, life, &tags).await
        };
        let all = join_all(swaps.into_iter().map(one));
        Box::pin(async move { Ok(all.await) })
    }

    /// Replaces what is under the key, of whatever type, if it is what is expected; else removes it. In the same step, and either
    /// way, tells the other instances, if the store has any. An error may leave what was.
    fn commit(&self, commit: Commit) -> Op<'_, Committed>;

    /// Puts each of `sent`, whose keys differ, in the place of anything, as [`Store::commit`] does, and tells all of it where there are
    /// other instances. Answers the place in the log. In one round trip, where there are any.
    fn write_many(&self, sent: Vec<Sent>, tell: Tell) -> Op<'_, Option<String>> {
        let commits = sent.into_iter().map(move |Sent { key, bytes, is_lease, life, tags }| {
            self.commit(Commit { key, expected: None, bytes, is_lease, life, tags, tell: tell.clone() })
        });
        let commits = try_join_all(commits.collect::<Vec<_>>());
        Box::pin(async move { Ok(commits.await?.pop().and_then(|last| last.place)) })
    }

    /// Gives what is under `key` a new `life` if it begins with `expected`. Says whether it did.
    fn extend<'a>(&'a self, key: &'a str, expected: &'a [u8], life: Duration) -> Op<'a, bool>;

    /// Removes what is under `key` if it begins with `expected`. Says whether it did.
    fn release<'a>(&'a self, key: &'a str, expected: &'a [u8]) -> Op<'a, bool>;

    /// Removes `keys`, in one round trip. Absent ones are no error.
    fn remove<'a>(&'a self, keys: &'a [String]) -> Op<'a, ()>;

    /// Gives each group without a stamp one of `fresh`, and answers the stamps that hold now. Sees that those of tags are kept for
    /// [`tag_life`] of entries that live for `life`.
    fn stamp<'a>(&'a self, stamps: &'a Stamps, fresh: &'a [u64], life: Duration) -> Op<'a, Vec<u64>>;

    /// All fields of the hash at `hash` that have a stamp.
    fn groups<'a>(&'a self, hash: &'a str) -> Op<'a, Vec<String>>;

    /// Removes `stamps`.
    fn unstamp<'a>(&'a self, stamps: &'a Stamps) -> Op<'a, ()>;

    /// Marks `stamps` as used, where what is little used may be evicted.
    fn touch<'a>(&'a self, _stamps: &'a Stamps) -> Op<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// One page of the keys that begin with `start`, from `cursor` (0 is the beginning). A key may come twice.
    fn scan<'a>(&'a self, start: &'a str, cursor: u64) -> Op<'a, Page>;

    /// What is under each of `keys`, in their order: up to so many `bytes` from its beginning on. In one round trip, where there are any. What
    /// is not there, or cannot be read, is `None`.
    fn heads<'a>(&'a self, keys: &'a [String], bytes: usize) -> Op<'a, Vec<Option<Vec<u8>>>> {
        let none = Stamps::default();
        Box::pin(async move {
            let reads = keys.iter().map(|key| self.read(key, &none)).collect::<Vec<_>>();
            let found = join_all(reads).await.into_iter().map(|reading| reading.ok()?.found);
            Ok(found.map(|found| found.map(|Found { bytes: all, .. }| all[..bytes.min(all.len())].to_vec())).collect())
        })
    }

    /// Answers if the store can be used now.
    fn ping(&self) -> Op<'_, ()>;

    /// Lets go of a connection that leaves things unanswered, and of any pause before the next attempt to connect: the next operation is
    /// to find out how things are.
    fn renew(&self) {}

    /// Makes what was written durable and lets go of files and connections.
    fn close(&self) -> Op<'_, ()>;

    /// What kind of store this is and where, without secrets; for logs and `health()`.
    fn describe(&self) -> String;

    /// Its other side, if several instances can use it at once.
    fn shared(&self) -> Option<&dyn Shared> {
        None
    }
}

/// What a store that several instances use also does: it carries news from one to the others.
pub(crate) trait Shared: Send + Sync {
    /// Removes `keys` and `stamps`, and after that, in the same step, appends `tell`'s message to the log and sends it to the bus.
    /// Answers the id of its place in the log. A bus that does not take it is no error.
    fn invalidate<'a>(&'a self, keys: &'a [String], stamps: &'a Stamps, tell: &'a Tell) -> Op<'a, String>;

    /// Appends `message` to the log, and answers the id of its place.
    fn append<'a>(&'a self, log: &'a str, message: Vec<u8>) -> Op<'a, String>;

    /// Up to `count` entries of the log, from the place `from` on, that one included: ids and messages.
    fn read_log<'a>(&'a self, log: &'a str, from: &'a str, count: usize) -> Op<'a, Vec<(String, Vec<u8>)>>;

    /// Where the log begins, if it is so long that what was before may have been dropped.
    fn trimmed_to<'a>(&'a self, log: &'a str) -> Op<'a, Option<String>>;

    /// How often a server of several has been replaced by another one, which may lack what it had acknowledged last, without the log
    /// telling: that is on one server.
    fn successions(&self) -> u64 {
        0
    }

    /// Sends `message` to the bus alone.
    fn publish<'a>(&'a self, channel: &'a str, message: Vec<u8>) -> Op<'a, ()>;

    /// Stays on the bus: calls `joined` once it is on it, and `hear` with each message, at once. Answers when the bus is lost.
    /// Not under a deadline.
    fn listen<'a>(&'a self, channel: &'a str, hear: Hear, joined: Joined) -> Op<'a, ()>;
}
