//! The nodes of a cluster: what is known of them, and a task that asks them anew whenever that is in doubt.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::{ConnectionInfo, Value, cmd};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::map::{Map, Node};
use super::{restarts, slots};
use crate::error::{Error, ErrorKind, Result};
use crate::store::redis::errors::translate_first;
use crate::store::redis::server::Server;

/// How often the cluster is asked at most for its slots, and how long a node may take to answer once it is connected.
const PAUSE: Duration = Duration::from_millis(200);
const ANSWER: Duration = Duration::from_millis(500);
/// How often at least.
const LONGEST: Duration = Duration::from_secs(30);
/// Nodes asked side by side: the first that answers is believed.
const ASKED: usize = 3;

pub(super) struct Nodes {
    shared: Arc<Shared>,
    keeping: AtomicBool,
}

pub(super) struct Shared {
    seeds: Vec<Arc<Node>>,
    map: RwLock<Map>,
    outlook: watch::Sender<Outlook>,
    doubt: Arc<Notify>,
    closed: AtomicBool,
}

/// How the last attempt to learn the slots went.
#[derive(Clone)]
enum Outlook {
    NotAskedYet,
    Known,
    Unknown(ErrorKind, String),
}

impl Nodes {
    pub(super) fn new(seeds: Vec<ConnectionInfo>, timeout: Duration) -> Result<Self> {
        let like = seeds.first().cloned().ok_or_else(|| Error::config("a cluster needs the address of a node"))?;
        let seed = |info: ConnectionInfo| {
            let address = info.addr().to_string();
            Ok(Arc::new(Node::new(address, Server::at(info)?, timeout)))
        };
        let shared = Shared {
            seeds: seeds.into_iter().map(seed).collect::<Result<_>>()?,
            map: RwLock::new(Map::new(like, timeout)),
            outlook: watch::Sender::new(Outlook::NotAskedYet),
            doubt: Arc::new(Notify::new()),
            closed: false.into(),
        };
        Ok(Self { shared: Arc::new(shared), keeping: false.into() })
    }

    /// The primary of `slot`, once the slots are known.
    pub(super) async fn primary_of(&self, slot: u16) -> Result<Arc<Node>> {
        self.learned().await?;
        self.read(|map| map.primary_of(slot))
            .ok_or_else(|| Error::new(ErrorKind::Overloaded, format!("no primary has slot {slot} of the cluster")))
    }

    /// All primaries, in the order of their slots.
    pub(super) async fn primaries(&self) -> Result<Vec<Arc<Node>>> {
        self.learned().await?;
        Ok(self.read(|map| map.primaries().to_vec()))
    }

    /// How many primaries have been replaced or started again so far.
    pub(super) fn successions(&self) -> u64 {
        self.read(Map::successions)
    }

    pub(super) fn moved(&self, slot: u16, address: &str) -> Result<Arc<Node>> {
        self.shared.map.write().unwrap_or_else(PoisonError::into_inner).moved(slot, address)
    }

    pub(super) fn node(&self, address: &str) -> Result<Arc<Node>> {
        self.shared.map.write().unwrap_or_else(PoisonError::into_inner).node(address)
    }

    /// Makes what is known be asked for again, soon.
    pub(super) fn doubt(&self) {
        self.shared.doubt();
    }

    pub(super) fn renew(&self) {
        self.doubt();
        self.all().iter().for_each(|node| node.connection.renew());
    }

    pub(super) fn close(&self) {
        self.shared.closed.store(true, Relaxed);
        self.all().iter().for_each(|node| node.connection.close());
    }

    fn all(&self) -> Vec<Arc<Node>> {
        [self.shared.seeds.clone(), self.shared.primaries()].concat()
    }

    fn read<T>(&self, look: impl FnOnce(&Map) -> T) -> T {
        look(&self.shared.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Once the slots are known, or the attempt to learn them has failed.
    async fn learned(&self) -> Result<()> {
        if !self.keeping.swap(true, Relaxed) {
            tokio::spawn(keep(Arc::downgrade(&self.shared), Arc::clone(&self.shared.doubt)));
        }
        let mut outlook = self.shared.outlook.subscribe();
        loop {
            match &*outlook.borrow_and_update() {
                Outlook::Known => return Ok(()),
                Outlook::Unknown(kind, text) => {
                    self.doubt();
                    return Err(Error::new(*kind, text.clone()));
                }
                Outlook::NotAskedYet => {}
            }
            // Fails only if the sender is gone, and it is ours.
            let _ = outlook.changed().await;
        }
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        // Its task finds that it is gone.
        self.doubt();
    }
}

/// Asks for the slots whenever there is doubt, but not all the time.
async fn keep(shared: Weak<Shared>, doubt: Arc<Notify>) {
    let mut watched = false;
    loop {
        let Some(nodes) = shared.upgrade() else { return };
        let outlook = match nodes.learn().await {
            Ok(()) => Outlook::Known,
            // What was known is still the best guess.
            Err(error) if matches!(*nodes.outlook.borrow(), Outlook::Known) => {
                tracing::debug!(%error, "the slots of the cluster could not be asked for");
                Outlook::Known
            }
            Err(error) => Outlook::Unknown(error.kind(), error.to_string()),
        };
        if matches!(outlook, Outlook::Known) && !std::mem::replace(&mut watched, true) {
            tokio::spawn(restarts::watch(shared.clone()));
        }
        nodes.outlook.send_replace(outlook);
        drop(nodes);
        sleep(PAUSE).await;
        // Lapsed: it is time to look again even so.
        let _ = timeout(LONGEST, doubt.notified()).await;
    }
}

impl Shared {
    pub(super) fn primaries(&self) -> Vec<Arc<Node>> {
        self.map.read().unwrap_or_else(PoisonError::into_inner).primaries().to_vec()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    pub(super) fn doubt(&self) {
        self.doubt.notify_one();
    }

    pub(super) fn count_restart(&self) {
        self.map.write().unwrap_or_else(PoisonError::into_inner).count_restart();
    }

    async fn learn(&self) -> Result<()> {
        let mut error = Error::new(ErrorKind::Unavailable, "no node of the cluster answers");
        let mut answers: FuturesUnordered<_> = self.candidates().into_iter().map(slots_by).collect();
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(ranges) => {
                    // The others are heard out: a connection that is left with something unanswered looks as if it had fallen silent.
                    tokio::spawn(async move { while answers.next().await.is_some() {} });
                    return self.map.write().unwrap_or_else(PoisonError::into_inner).learn(&ranges);
                }
                Err(failed) => error = failed,
            }
        }
        Err(error)
    }

    /// Some of the primaries known, and some of the nodes that were named: never the same few each time.
    fn candidates(&self) -> Vec<Arc<Node>> {
        let mut seeds = self.seeds.clone();
        let mut primaries = self.primaries();
        fastrand::shuffle(&mut seeds);
        fastrand::shuffle(&mut primaries);
        seeds.truncate(ASKED);
        primaries.truncate(ASKED);
        primaries.append(&mut seeds);
        primaries
    }
}

async fn slots_by(node: Arc<Node>) -> Result<Vec<slots::Range>> {
    let mut exchange = node.connection.begin().await?;
    let late = |_| Error::new(ErrorKind::Timeout, format!("{} does not answer", node.address));
    let mut slots = cmd("CLUSTER");
    let answer = timeout(ANSWER, exchange.connection.send_packed_command(slots.arg("SLOTS"))).await.map_err(late)?;
    let answer = answer.and_then(Value::extract_error);
    exchange.ended(answer.as_ref().err());
    let answer = answer.map_err(translate_first)?;
    slots::parse(&answer, &node.address)
        .ok_or_else(|| Error::new(ErrorKind::Protocol, format!("{} names no slots of a cluster", node.address)))
}
