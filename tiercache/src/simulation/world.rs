//! What the instances of a run share.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use crate::cache::{Cache, L2};
use crate::guard::Process;
use crate::key::{Key, l2_key};
use crate::l1::L1;
use crate::store::memory::Memory;

use super::history::{History, ROWS, Seen, Time};
use super::network::Network;
use super::plan::{DEGRADED_L1_TTL, L2_DEADLINE, MAX_STALENESS, Plan};
use super::promise::Well;
use super::{adversary, client, rollback};

pub(super) const NAMESPACE: &str = "simulation";
/// How long it takes to find out that a server of the cluster was replaced, in milliseconds.
const LONGEST_SEARCH: Time = 300;
/// The prefix of each key. Invalidating `b` covers the third.
pub(super) const PREFIXES: [&str; ROWS] = ["a", "a", "b:x", "outer"];

pub(super) struct World {
    pub(super) plan: Plan,
    began: Instant,
    pub(super) server: Memory,
    pub(super) keys: Vec<Key>,
    l2_keys: Vec<String>,
    /// Its L1 is none, and between it and the server is no network: it reads what anyone would accept.
    inspector: OnceLock<Cache>,
    history: Mutex<History>,
    slots: Vec<Mutex<Slot>>,
    ended: Notify,
    processes: std::sync::atomic::AtomicU32,
    /// Until then nobody writes.
    pub(super) quiet_until: AtomicU64,
    /// When a server of the cluster gave its place to one that had less.
    successions: Mutex<Vec<Time>>,
}

/// The place of an instance, which one process after another fills.
#[derive(Default)]
pub(super) struct Slot {
    process: Option<Arc<Process>>,
    pub(super) number: u32,
    /// The channel of the bus that it listens to, and where it hears it.
    pub(super) inbox: Option<(String, UnboundedSender<Vec<u8>>)>,
    /// Nothing comes through until then.
    pub(super) cut_until: Time,
    /// When a read of L2 failed last.
    pub(super) failed: Option<Time>,
    /// Since when nothing has gone wrong here.
    pub(super) well_since: Time,
}

impl Slot {
    /// The process that is there now, and its number.
    pub(super) fn process(&self) -> Option<(Arc<Process>, u32)> {
        self.process.clone().map(|process| (process, self.number))
    }
}

impl World {
    pub(super) async fn begin(plan: Plan) -> Arc<Self> {
        let keys: Vec<Key> =
            PREFIXES.iter().zip(0_u32..).map(|(prefix, number)| Key::new(*prefix, &number).unwrap()).collect();
        let world = Arc::new(Self {
            plan,
            began: Instant::now(),
            server: Memory::new(),
            l2_keys: keys.iter().map(|key| l2_key(NAMESPACE, key.prefix(), key.digest())).collect(),
            keys,
            inspector: OnceLock::new(),
            history: Mutex::new(History::new(plan)),
            slots: (0..plan.instances).map(|_| Mutex::default()).collect(),
            ended: Notify::new(),
            processes: 1.into(),
            quiet_until: 0.into(),
            successions: Mutex::default(),
        });
        let server = world.server.clone();
        let inspector = Process::new(0).spawn(async move { build(server.into(), L1::disabled()).await });
        let inspector = inspector.await.expect("nobody ends the inspector");
        world.inspector.set(inspector).expect("it is set once");
        world
    }

    /// Until the end of the plan's span, or until a promise is broken.
    pub(super) async fn run(self: &Arc<Self>) {
        for slot in 0..self.plan.instances {
            self.start(slot);
        }
        if !self.plan.calm {
            tokio::spawn(adversary::strike(Arc::clone(self)));
        }
        if self.plan.rollbacks {
            tokio::spawn(rollback::strike(Arc::clone(self)));
        }
        // The end of the time is a good end.
        let _ = tokio::time::timeout(self.plan.span, self.ended.notified()).await;
    }

    /// Starts a process in an empty slot.
    pub(super) fn start(self: &Arc<Self>, slot: usize) {
        let process = Process::new(self.plan.hesitation);
        let number = self.processes.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        *self.slot(slot) =
            Slot { process: Some(Arc::clone(&process)), number, well_since: self.now(), ..Slot::default() };
        self.note(number, "starts", None);
        let (world, within) = (Arc::clone(self), Arc::clone(&process));
        process.spawn(async move {
            let network = Network::new(&world, slot, number);
            let l1 = L1::named("quick-cache").unwrap_or_default().max_entries(1_000);
            let cache = build(L2::of(network), l1).await;
            for client in 0..world.plan.clients {
                let client = client::Client {
                    world: Arc::clone(&world),
                    slot,
                    number,
                    started: world.now(),
                    write_begun: AtomicU64::default(),
                    is_single_writer: (slot, client) == (0, 0),
                    cache: cache.clone(),
                };
                within.spawn(client.run());
            }
        });
    }

    pub(super) fn now(&self) -> Time {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(Time::MAX)
    }

    pub(super) fn slot(&self, slot: usize) -> MutexGuard<'_, Slot> {
        self.slots[slot].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, process: u32, what: &'static str, key: Option<usize>) {
        self.history().note(self.now(), process, what, key);
    }

    pub(super) fn number_of(&self, l2_key: &str) -> Option<usize> {
        self.l2_keys.iter().position(|key| key == l2_key)
    }

    pub(super) fn l2_key(&self, number: usize) -> &str {
        &self.l2_keys[number]
    }

    /// Judges what L2 holds now, and ends the run if a promise was broken, here or by a read.
    pub(super) fn inspect(&self) {
        self.settle();
        let inspector = self.inspector.get().expect("it was built before all others");
        for (number, key) in self.keys.iter().enumerate() {
            if let Some(seen) = at_once(inspector.get::<Seen>(key)) {
                self.history().held_in_l2(number, seen);
            }
        }
        self.end_if_broken();
    }

    pub(super) fn settle(&self) {
        let processes = self.processes();
        self.history().settle(self.now(), &processes);
    }

    /// The processes that there are.
    pub(super) fn processes(&self) -> Vec<Well> {
        let well = |slot: usize| {
            let slot = self.slot(slot);
            slot.process.is_some().then_some((slot.number, slot.well_since.max(slot.cut_until)))
        };
        (0..self.slots()).filter_map(well).collect()
    }

    pub(super) fn succeed(&self) {
        self.successions.lock().unwrap_or_else(PoisonError::into_inner).push(self.now());
    }

    /// How many successions a process knows of: each hears of them after a while.
    pub(super) fn successions(&self, process: u32) -> u64 {
        let lag = u64::from(process) * 97 % LONGEST_SEARCH;
        let successions = self.successions.lock().unwrap_or_else(PoisonError::into_inner);
        successions.iter().filter(|at| **at + lag <= self.now()).count() as u64
    }

    pub(super) fn end_if_broken(&self) {
        if self.history().violation.is_some() {
            self.ended.notify_one();
        }
    }

    pub(super) fn into_history(self: Arc<Self>) -> History {
        let empty = History::new(self.plan);
        std::mem::replace(&mut *self.history(), empty)
    }
}

async fn build(l2: L2, l1: L1) -> Cache {
    let builder = Cache::builder().namespace(NAMESPACE).l2(l2).l1(l1);
    let builder = builder.max_staleness(MAX_STALENESS).degraded_l1_ttl(DEGRADED_L1_TTL).l2_deadline(L2_DEADLINE);
    builder.default_ttl(Duration::from_secs(60)).l1_ttl(Duration::from_secs(15)).build().await.unwrap()
}

/// What a future gives that waits for nothing.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the server is in this very process, and answers at once"),
    }
}
