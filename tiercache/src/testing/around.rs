//! One wrapper around every operation of a store.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::store::{
    Commit, Committed, Hear, Joined, Op, Page, Reading, Sent, Shared, Stamps, Store, Swap, Tell, Wanted,
};

/// What a cache asks of L2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Reads one value with the stamps of its groups.
    Read,
    /// Reads many values with the stamps of their groups.
    ReadMany,
    /// Asks for the right to fill a key.
    Claim,
    /// Stores a value that was loaded.
    Fill,
    /// Stores values that were to be written behind: see [`WriteMode`](crate::WriteMode).
    FillMany,
    /// Stores a value that was written, and tells the other instances.
    Commit,
    /// Stores many values that were written, and tells the other instances.
    WriteMany,
    /// Renews the right to fill a key.
    Extend,
    /// Gives that right back, or removes a value that was not accepted.
    Release,
    /// Removes keys.
    Remove,
    /// Makes the stamps of groups that have none.
    Stamp,
    /// Lists the groups that have stamps.
    Groups,
    /// Removes the stamps of groups.
    Unstamp,
    /// Marks stamps as in use.
    Touch,
    /// Lists keys.
    Scan,
    /// Asks whether it can be used.
    Ping,
    /// Removes keys and stamps, and tells the other instances.
    Invalidate,
    /// Appends to the log.
    Append,
    /// Reads the log: the heartbeat.
    ReadLog,
    /// Sends a message to the other instances.
    Publish,
    /// Joins the channel of the instances.
    Listen,
}

/// What is done about an operation before, after or instead of it.
pub(super) trait Wrap: Send + Sync + 'static {
    /// `inner`, wrapped. `keys` are those that it names.
    fn wrap<'a, T: Send + 'a>(&'a self, operation: Operation, keys: &[String], inner: Op<'a, T>) -> Op<'a, T>;

    /// Whether reads may go on in their callers' tasks, whose clock may be paused.
    fn reads_here(&self) -> bool;
}

/// A store behind a wrapper.
pub(super) struct Around<W> {
    pub(super) wrap: W,
    pub(super) inner: Arc<dyn Store>,
}

fn one(key: &str) -> [String; 1] {
    [key.to_owned()]
}

impl<W: Wrap> Store for Around<W> {
    fn read<'a>(&'a self, key: &'a str, stamps: &'a Stamps) -> Op<'a, Reading> {
        self.wrap.wrap(Operation::Read, &one(key), self.inner.read(key, stamps))
    }

    fn read_here<'a>(&'a self, key: &'a str, stamps: &'a Stamps) -> Option<Op<'a, Reading>> {
        let reading = self.wrap.reads_here().then(|| self.inner.read_here(key, stamps))??;
        Some(self.wrap.wrap(Operation::Read, &one(key), reading))
    }

    fn claim<'a>(&'a self, key: &'a str, lease: &'a [u8], life: Duration) -> Op<'a, Option<Vec<u8>>> {
        self.wrap.wrap(Operation::Claim, &one(key), self.inner.claim(key, lease, life))
    }

    fn swap<'a>(
        &'a self,
        key: &'a str,
        expected: &'a [u8],
        bytes: Vec<u8>,
        life: Duration,
        tags: &'a [String],
    ) -> Op<'a, bool> {
        self.wrap.wrap(Operation::Fill, &one(key), self.inner.swap(key, expected, bytes, life, tags))
    }

    fn swap_many(&self, swaps: Vec<Swap>) -> Op<'_, Vec<Result<bool>>> {
        let keys: Vec<String> = swaps.iter().map(|one| one.key.to_string()).collect();
        self.wrap.wrap(Operation::FillMany, &keys, self.inner.swap_many(swaps))
    }

    fn commit(&self, commit: Commit) -> Op<'_, Committed> {
        let key = one(&commit.key);
        self.wrap.wrap(Operation::Commit, &key, self.inner.commit(commit))
    }

    fn read_many<'a>(&'a self, wanted: &'a [Wanted]) -> Op<'a, Vec<Result<Reading>>> {
        let keys: Vec<String> = wanted.iter().map(|one| one.key.to_string()).collect();
        self.wrap.wrap(Operation::ReadMany, &keys, self.inner.read_many(wanted))
    }

    fn write_many(&self, sent: Vec<Sent>, tell: Tell) -> Op<'_, Option<String>> {
        let keys: Vec<String> = sent.iter().map(|one| one.key.to_string()).collect();
        self.wrap.wrap(Operation::WriteMany, &keys, self.inner.write_many(sent, tell))
    }

    fn extend<'a>(&'a self, key: &'a str, expected: &'a [u8], life: Duration) -> Op<'a, bool> {
        self.wrap.wrap(Operation::Extend, &one(key), self.inner.extend(key, expected, life))
    }

    fn release<'a>(&'a self, key: &'a str, expected: &'a [u8]) -> Op<'a, bool> {
        self.wrap.wrap(Operation::Release, &one(key), self.inner.release(key, expected))
    }

    fn remove<'a>(&'a self, keys: &'a [String]) -> Op<'a, ()> {
        self.wrap.wrap(Operation::Remove, keys, self.inner.remove(keys))
    }

    fn stamp<'a>(&'a self, stamps: &'a Stamps, fresh: &'a [u64], life: Duration) -> Op<'a, Vec<u64>> {
        self.wrap.wrap(Operation::Stamp, &stamps.tags, self.inner.stamp(stamps, fresh, life))
    }

    fn groups<'a>(&'a self, hash: &'a str) -> Op<'a, Vec<String>> {
        self.wrap.wrap(Operation::Groups, &[], self.inner.groups(hash))
    }

    fn unstamp<'a>(&'a self, stamps: &'a Stamps) -> Op<'a, ()> {
        self.wrap.wrap(Operation::Unstamp, &stamps.tags, self.inner.unstamp(stamps))
    }

    fn touch<'a>(&'a self, stamps: &'a Stamps) -> Op<'a, ()> {
        self.wrap.wrap(Operation::Touch, &stamps.tags, self.inner.touch(stamps))
    }

    fn scan<'a>(&'a self, start: &'a str, cursor: u64) -> Op<'a, Page> {
        self.wrap.wrap(Operation::Scan, &one(start), self.inner.scan(start, cursor))
    }

    fn ping(&self) -> Op<'_, ()> {
        self.wrap.wrap(Operation::Ping, &[], self.inner.ping())
    }

    fn renew(&self) {
        self.inner.renew();
    }

    fn close(&self) -> Op<'_, ()> {
        self.inner.close()
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn shared(&self) -> Option<&dyn Shared> {
        self.inner.shared().map(|_| self as &dyn Shared)
    }
}

impl<W: Wrap> Around<W> {
    fn other_side(&self) -> &dyn Shared {
        self.inner.shared().expect("`shared` gives this side only where there is one inside")
    }
}

impl<W: Wrap> Shared for Around<W> {
    fn invalidate<'a>(&'a self, keys: &'a [String], stamps: &'a Stamps, tell: &'a Tell) -> Op<'a, String> {
        self.wrap.wrap(Operation::Invalidate, keys, self.other_side().invalidate(keys, stamps, tell))
    }

    fn append<'a>(&'a self, log: &'a str, message: Vec<u8>) -> Op<'a, String> {
        self.wrap.wrap(Operation::Append, &one(log), self.other_side().append(log, message))
    }

    fn read_log<'a>(&'a self, log: &'a str, from: &'a str, count: usize) -> Op<'a, Vec<(String, Vec<u8>)>> {
        self.wrap.wrap(Operation::ReadLog, &one(log), self.other_side().read_log(log, from, count))
    }

    fn trimmed_to<'a>(&'a self, log: &'a str) -> Op<'a, Option<String>> {
        self.wrap.wrap(Operation::ReadLog, &one(log), self.other_side().trimmed_to(log))
    }

    fn publish<'a>(&'a self, channel: &'a str, message: Vec<u8>) -> Op<'a, ()> {
        self.wrap.wrap(Operation::Publish, &one(channel), self.other_side().publish(channel, message))
    }

    fn listen<'a>(&'a self, channel: &'a str, hear: Hear, joined: Joined) -> Op<'a, ()> {
        self.wrap.wrap(Operation::Listen, &one(channel), self.other_side().listen(channel, hear, joined))
    }
}
