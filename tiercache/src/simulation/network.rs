//! The way from an instance to the server and back: every half takes its time, and may be lost.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use crate::error::{Error, ErrorKind, Result};
use crate::store::memory::Memory;
use crate::store::{Commit, Committed, Hear, Joined, Op, Page, Reading, Sent, Shared, Stamps, Store, Tell, Wanted};

use super::plan::{L2_DEADLINE, LONGEST_TRIP, happens, up_to};
use super::world::World;

/// The server as one instance sees it.
pub(super) struct Network {
    world: Arc<World>,
    slot: usize,
    process: u32,
}

/// What becomes of a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    /// It is carried out, now or long after its deadline, and its reply is lost.
    Unanswered,
    Late,
    /// It never arrives; the second one is told so.
    Lost,
    Refused,
}

impl Network {
    pub(super) fn new(world: &Arc<World>, slot: usize, process: u32) -> Self {
        Self { world: Arc::clone(world), slot, process }
    }

    /// Carries out a command on the server. What it does there does not end with the caller.
    fn call<'a, T, F>(
        &'a self,
        what: &'static str,
        key: Option<usize>,
        command: impl FnOnce(Memory) -> F + Send + 'a,
    ) -> Op<'a, T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        Box::pin(async move {
            let fate = self.fate();
            if fate != Fate::Answered {
                let mut slot = self.world.slot(self.slot);
                slot.well_since = slot.well_since.max(self.world.now());
                if what == READ {
                    slot.failed = Some(self.world.now());
                }
            }
            let (answer, answered) = oneshot::channel();
            let command = command(self.world.server.clone());
            let (world, process) = (Arc::clone(&self.world), self.process);
            tokio::spawn(async move {
                sleep(fate.trip()).await;
                if fate == Fate::Lost {
                    world.note(process, "gets nowhere", key);
                    std::future::pending::<()>().await;
                }
                if fate == Fate::Refused {
                    world.note(process, "is refused", key);
                    return;
                }
                let result = command.await;
                world.note(process, what, key);
                if what == SWAP || what == STAMP {
                    world.inspect();
                }
                sleep(up_to(LONGEST_TRIP)).await;
                if fate != Fate::Answered {
                    world.note(process, "gets no answer", key);
                    std::future::pending::<()>().await;
                }
                // Who asked may be gone.
                let _ = answer.send(result);
            });
            answered.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Unavailable, "the connection broke")))
        })
    }

    fn remove_and_tell(&self, keys: Vec<String>, stamps: Stamps, tell: Tell) -> Op<'_, String> {
        let number = keys.first().and_then(|key| self.number(key));
        let (world, process) = (Arc::clone(&self.world), self.process);
        self.call("has told of the removal", number, move |server| async move {
            server.remove(&keys).await?;
            server.unstamp(&stamps).await?;
            world.note(process, "has removed", number);
            world.gap().await;
            world.tell(&server, &tell).await
        })
    }

    fn fate(&self) -> Fate {
        let plan = &self.world.plan;
        if self.is_cut() {
            return [Fate::Lost, Fate::Unanswered, Fate::Refused][fastrand::usize(..3)];
        }
        match () {
            () if happens(plan.unanswered) => Fate::Unanswered,
            () if happens(plan.late) => Fate::Late,
            () if happens(plan.refused) => Fate::Refused,
            () => Fate::Answered,
        }
    }

    fn is_cut(&self) -> bool {
        self.world.now() < self.world.slot(self.slot).cut_until
    }

    fn number(&self, key: &str) -> Option<usize> {
        self.world.number_of(key)
    }
}

impl Fate {
    fn trip(self) -> Duration {
        match self {
            // Soon enough to meet what was begun when it was given up, or long after that.
            Self::Late => L2_DEADLINE + up_to(if fastrand::bool() { 200 } else { 3_000 }),
            _ => up_to(LONGEST_TRIP),
        }
    }
}

const READ: &str = "is read in L2";
const SWAP: &str = "stores in L2 over what it expects";
const STAMP: &str = "makes stamps";

impl Store for Network {
    fn read<'a>(&'a self, key: &'a str, stamps: &'a Stamps) -> Op<'a, Reading> {
        let (key, stamps) = (key.to_owned(), stamps.clone());
        self.call(READ, self.number(&key), |server| async move { server.read(&key, &stamps).await })
    }

    fn read_here<'a>(&'a self, key: &'a str, stamps: &'a Stamps) -> Option<Op<'a, Reading>> {
        fastrand::bool().then(|| self.read(key, stamps))
    }

    fn claim<'a>(&'a self, key: &'a str, lease: &'a [u8], life: Duration) -> Op<'a, Option<Vec<u8>>> {
        let (key, lease) = (key.to_owned(), lease.to_vec());
        let what = "asks for the lease";
        self.call(what, self.number(&key), move |server| async move { server.claim(&key, &lease, life).await })
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
        self.call(SWAP, self.number(&key), move |server| async move {
            server.swap(&key, &expected, bytes, life, &tags).await
        })
    }

    fn commit(&self, commit: Commit) -> Op<'_, Committed> {
        let (world, successions) = (Arc::clone(&self.world), Shared::successions(self));
        let (keys, tell) = ([commit.key.to_string()], commit.tell.clone());
        let committed = self.call(SWAP, self.number(&commit.key), move |server| async move {
            let stored = server.put(&commit);
            world.gap().await;
            let place = world.tell(&server, &commit.tell).await?;
            Ok(Committed { stored, place: Some(place) })
        });
        Box::pin(async move {
            let committed = committed.await?;
            if Shared::successions(self) == successions {
                return Ok(committed);
            }
            let place = Shared::invalidate(self, &keys, &Stamps::default(), &tell).await?;
            Ok(Committed { stored: false, place: Some(place) })
        })
    }

    /// A server reads a pipeline at once; in a cluster each key is read by itself.
    fn read_many<'a>(&'a self, wanted: &'a [Wanted]) -> Op<'a, Vec<Result<Reading>>> {
        if self.world.plan.split {
            let reads = join_all(wanted.iter().map(|one| self.read(&one.key, &one.stamps)).collect::<Vec<_>>());
            return Box::pin(async move { Ok(reads.await) });
        }
        let wanted = wanted.to_vec();
        self.call(READ, None, |server| async move { server.read_many(&wanted).await })
    }

    fn write_many(&self, sent: Vec<Sent>, tell: Tell) -> Op<'_, Option<String>> {
        let (world, successions) = (Arc::clone(&self.world), Shared::successions(self));
        let (keys, news) = (sent.iter().map(|one| one.key.to_string()).collect::<Vec<_>>(), tell.clone());
        let written = self.call(SWAP, None, move |server| async move {
            for Sent { key, bytes, is_lease, life, tags } in sent {
                server.put(&Commit { key, expected: None, bytes, is_lease, life, tags, tell: tell.clone() });
                if world.plan.split {
                    sleep(up_to(LONGEST_TRIP)).await;
                }
            }
            world.gap().await;
            world.tell(&server, &tell).await.map(Some)
        });
        Box::pin(async move {
            let place = written.await?;
            if Shared::successions(self) == successions {
                return Ok(place);
            }
            Shared::invalidate(self, &keys, &Stamps::default(), &news).await.map(Some)
        })
    }

    fn extend<'a>(&'a self, key: &'a str, expected: &'a [u8], life: Duration) -> Op<'a, bool> {
        let (key, expected, what) = (key.to_owned(), expected.to_vec(), "renews the lease");
        self.call(what, self.number(&key), move |server| async move { server.extend(&key, &expected, life).await })
    }

    fn release<'a>(&'a self, key: &'a str, expected: &'a [u8]) -> Op<'a, bool> {
        let (key, expected, what) = (key.to_owned(), expected.to_vec(), "removes what it expects");
        self.call(what, self.number(&key), |server| async move { server.release(&key, &expected).await })
    }

    fn remove<'a>(&'a self, keys: &'a [String]) -> Op<'a, ()> {
        let keys = keys.to_vec();
        self.call("removes", None, |server| async move { server.remove(&keys).await })
    }

    fn stamp<'a>(&'a self, stamps: &'a Stamps, fresh: &'a [u64], life: Duration) -> Op<'a, Vec<u64>> {
        let (stamps, fresh) = (stamps.clone(), fresh.to_vec());
        self.call(STAMP, None, move |server| async move { server.stamp(&stamps, &fresh, life).await })
    }

    fn groups<'a>(&'a self, stamps_key: &'a str) -> Op<'a, Vec<String>> {
        let hash = stamps_key.to_owned();
        self.call("lists the stamps", None, |server| async move { server.groups(&hash).await })
    }

    fn unstamp<'a>(&'a self, stamps: &'a Stamps) -> Op<'a, ()> {
        let stamps = stamps.clone();
        self.call("removes stamps", None, |server| async move { server.unstamp(&stamps).await })
    }

    fn scan<'a>(&'a self, start: &'a str, cursor: u64) -> Op<'a, Page> {
        let start = start.to_owned();
        self.call("scans", None, move |server| async move { server.scan(&start, cursor).await })
    }

    fn ping(&self) -> Op<'_, ()> {
        self.call("asks whether it is there", None, |server| async move { server.ping().await })
    }

    fn close(&self) -> Op<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn describe(&self) -> String {
        "simulated".to_owned()
    }

    fn shared(&self) -> Option<&dyn Shared> {
        Some(self)
    }
}

impl Shared for Network {
    /// Once more, if a server of the cluster was replaced meanwhile: it may have lost what it had acknowledged.
    fn invalidate<'a>(&'a self, keys: &'a [String], stamps: &'a Stamps, tell: &'a Tell) -> Op<'a, String> {
        Box::pin(async move {
            loop {
                let successions = self.successions();
                let place = self.remove_and_tell(keys.to_vec(), stamps.clone(), tell.clone()).await?;
                if self.successions() == successions {
                    return Ok(place);
                }
            }
        })
    }

    fn successions(&self) -> u64 {
        self.world.successions(self.process)
    }

    fn append<'a>(&'a self, log: &'a str, message: Vec<u8>) -> Op<'a, String> {
        let log = log.to_owned();
        self.call("appends to the log", None, |server| async move { server.append(&log, message).await })
    }

    fn read_log<'a>(&'a self, log: &'a str, from: &'a str, count: usize) -> Op<'a, Vec<(String, Vec<u8>)>> {
        let (log, from, what) = (log.to_owned(), from.to_owned(), "reads the log");
        self.call(what, None, move |server| async move { server.read_log(&log, &from, count).await })
    }

    fn trimmed_to<'a>(&'a self, log: &'a str) -> Op<'a, Option<String>> {
        let log = log.to_owned();
        self.call("asks where the log begins", None, |server| async move { server.trimmed_to(&log).await })
    }

    fn publish<'a>(&'a self, channel: &'a str, message: Vec<u8>) -> Op<'a, ()> {
        let (world, channel) = (Arc::clone(&self.world), channel.to_owned());
        self.call("tries the bus", None, move |_| async move {
            world.publish(&channel, &message);
            Ok(())
        })
    }

    fn listen<'a>(&'a self, channel: &'a str, hear: Hear, joined: Joined) -> Op<'a, ()> {
        Box::pin(async move {
            sleep(up_to(LONGEST_TRIP)).await;
            if self.is_cut() {
                return Err(Error::new(ErrorKind::Unavailable, "the bus is not reached"));
            }
            let (inbox, mut messages) = mpsc::unbounded_channel();
            self.world.slot(self.slot).inbox = Some((channel.to_owned(), inbox));
            sleep(up_to(LONGEST_TRIP)).await;
            joined();
            while let Some(message) = messages.recv().await {
                self.world.note(self.process, "hears the bus", None);
                hear(&message);
            }
            Ok(())
        })
    }
}
