//! What befalls the Redis of a run and its instances.

use std::time::Duration;

use fastrand::Rng;
use redis::{Cmd, cmd};
use rustix::process::{Pid, Signal, kill_process};
use tiercache_tests::history::{Rollback, nanos};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::topology::{Failover, Servers, Topology};
use super::{MAX_STALENESS, NAMESPACE};

/// Between two faults.
const QUIET: Duration = Duration::from_millis(400);
/// A failover begins no later than that before the end of a run: it is what comes after that is to be seen.
const AFTERMATH: u64 = 5_000_000_000;

/// How often the bus is lost in a row, and the time between.
const DEAF: u32 = 30;
const DEAF_FOR: Duration = Duration::from_millis(20);

/// For how long an instance stands still: for longer than the bound.
const PAUSE: Duration = MAX_STALENESS.saturating_add(Duration::from_millis(700));

/// What a replica may lack of what its primary has acknowledged: it is told in the same moment, but may be slow to read.
const LAG: u64 = 200_000_000;
/// How long after the topology is whole again the journals have redone what was lost: at most 2 s until every instance has found its way,
/// a heartbeat that notices, and the jitter before it acts, each a quarter of `max_staleness`.
const REPLAY: u64 = 3_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// For a while nobody hears anything, unless by the log.
    LoseBus,
    LoseConnections,
    /// All that one primary has.
    Flush,
    EvictStamps,
    EvictTags,
    LoseLog,
    Restart,
    /// An instance stands still for longer than the bound.
    Pause,
    FailOver(Failover),
    MoveSlot,
}

/// Removes the keys that a pattern covers.
const EVICT: &str = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end";

/// What befalls every topology, by its share.
const DECK: [Fault; 10] = [
    Fault::LoseBus,
    Fault::LoseBus,
    Fault::LoseConnections,
    Fault::EvictStamps,
    Fault::LoseBus,
    Fault::Flush,
    Fault::EvictStamps,
    Fault::Pause,
    Fault::EvictTags,
    Fault::LoseLog,
];

const FAILOVERS: [Fault; 4] = [
    Fault::FailOver(Failover::Planned),
    Fault::FailOver(Failover::Kill),
    Fault::FailOver(Failover::Freeze),
    Fault::FailOver(Failover::Lag),
];

fn deck(topology: Topology) -> Vec<Fault> {
    let own: &[Fault] = match topology {
        Topology::Single => &[Fault::Restart],
        Topology::Sentinel => &[],
        Topology::Cluster => &[Fault::MoveSlot, Fault::MoveSlot],
    };
    [&DECK, own, failovers(topology)].concat()
}

fn failovers(topology: Topology) -> &'static [Fault] {
    if topology == Topology::Single { &[] } else { &FAILOVERS }
}

impl Fault {
    /// Whether it has to be over, with what follows from it, before another such one begins.
    fn is_severe(self) -> bool {
        matches!(self, Self::Pause | Self::FailOver(_))
    }

    /// As it is called in the table.
    fn name(self) -> &'static str {
        match self {
            Self::LoseBus => "bus lost",
            Self::LoseConnections => "connections lost",
            Self::Flush => "flush",
            Self::EvictStamps => "stamps evicted",
            Self::EvictTags => "tags evicted",
            Self::LoseLog => "log lost",
            Self::Restart => "restart",
            Self::Pause => "instance paused",
            Self::MoveSlot => "slot moved",
            Self::FailOver(Failover::Planned) => "planned failover",
            Self::FailOver(Failover::Kill) => "primary killed",
            Self::FailOver(Failover::Freeze) => "primary frozen",
            Self::FailOver(Failover::Lag) => "primary killed with what it alone had",
        }
    }
}

/// A fault that befell a run, and when it began and ended.
#[derive(Clone, Debug)]
pub(crate) struct Befallen {
    pub(crate) kind: &'static str,
    pub(crate) what: String,
    pub(crate) begin: u64,
    pub(crate) end: u64,
    failover: bool,
    /// Which instance stood still.
    paused: Option<usize>,
}

impl Befallen {
    /// Whether `instance` stood still for a part of this time.
    pub(crate) fn paused(&self, instance: usize, begin: u64, end: u64) -> bool {
        let over = self.begin + as_nanos(PAUSE) + LAG;
        self.paused == Some(instance) && self.begin <= end && begin <= over
    }

    /// What may be lost: what was acknowledged until all servers were whole again. The journals make it anew.
    pub(crate) fn rollback(&self) -> Option<Rollback> {
        self.failover.then(|| Rollback { begin: self.begin - LAG, end: self.end, over: self.end + REPLAY })
    }
}

/// Deals out faults until shortly before the end of the run; all instances run on when this returns. Says what befell them.
pub(crate) async fn inject(
    servers: &mut Servers,
    topology: Topology,
    instances: &[Pid],
    seed: u64,
    until: u64,
) -> Vec<Befallen> {
    let (random, last) = (Rng::with_seed(seed), until.saturating_sub(1_000_000_000));
    let (primaries, looked) = (servers.settle().await, nanos());
    let (pauses, befallen) = (JoinSet::new(), Vec::new());
    let mut run = Run { servers, instances, random, pauses, primaries, looked, settled: 0, befallen };
    // A failover, where there are any, comes first: a short run is to have one too.
    let mut left = Vec::from_iter(run.random.choice(failovers(topology)).copied());
    sleep(QUIET * 2).await;
    while nanos() < last {
        if left.is_empty() {
            left = deck(topology);
            run.random.shuffle(&mut left);
        }
        let mut fault = left.pop().expect("filled when empty");
        if fault.is_severe() {
            while nanos() < run.settled.min(last) {
                let mild = run.mild(topology);
                run.befall(mild).await;
            }
        }
        if nanos() + AFTERMATH > last && matches!(fault, Fault::FailOver(_)) {
            fault = run.mild(topology);
        }
        run.befall(fault).await;
    }
    while let Some(paused) = run.pauses.join_next().await {
        paused.expect("a pause does not panic");
    }
    run.look().await;
    run.befallen
}

/// The state of the injector.
struct Run<'a> {
    servers: &'a mut Servers,
    instances: &'a [Pid],
    random: Rng,
    pauses: JoinSet<()>,
    /// Who reigned when it was last looked, and when that was.
    primaries: Vec<String>,
    looked: u64,
    /// When the last failover and what follows from it are over.
    settled: u64,
    befallen: Vec<Befallen>,
}

impl Run<'_> {
    fn mild(&mut self, topology: Topology) -> Fault {
        let mild: Vec<Fault> = deck(topology).into_iter().filter(|fault| !fault.is_severe()).collect();
        mild[self.random.usize(..mild.len())]
    }

    /// One fault, from its begin to its end, and the quiet after it.
    async fn befall(&mut self, fault: Fault) {
        if matches!(fault, Fault::FailOver(_)) {
            // Who stands still redoes nothing.
            while self.pauses.join_next().await.is_some() {}
        }
        self.look().await;
        let begin = nanos();
        let what = self.act(fault).await;
        let failover = matches!(fault, Fault::FailOver(_));
        if failover {
            self.primaries = self.servers.settle().await;
        }
        self.note(fault.name(), &what, begin, failover);
        sleep(QUIET.mul_f64(0.5 + self.random.f64())).await;
    }

    /// Servers that a busy machine holds up are taken for dead: also a failover that nobody asked for is one.
    async fn look(&mut self) {
        let primaries = self.servers.settle().await;
        if primaries != self.primaries {
            self.note("failover unasked", "a primary was taken for dead", self.looked, true);
            self.primaries = primaries;
        }
        self.looked = nanos();
    }

    fn note(&mut self, kind: &'static str, what: &str, begin: u64, failover: bool) {
        let paused = if kind == Fault::Pause.name() { what.parse().ok() } else { None };
        let befallen = Befallen { what: format!("{kind}: {what}"), kind, begin, end: nanos(), failover, paused };
        if let Some(rollback) = befallen.rollback() {
            self.settled = rollback.over + LAG;
        }
        self.befallen.push(befallen);
    }

    async fn act(&mut self, fault: Fault) -> String {
        let of_ours = |name: &str| format!("{NAMESPACE}:@{name}");
        match fault {
            Fault::Pause => {
                let instance = self.random.usize(..self.instances.len());
                self.pauses.spawn(pause(self.instances[instance]));
                return instance.to_string();
            }
            Fault::Restart => self.servers.restart().await,
            Fault::FailOver(failover) => return self.servers.fail_over(failover, &mut self.random).await,
            Fault::MoveSlot => {
                let name = ["log", "groups"][self.random.usize(..2)];
                return self.servers.move_slot(&of_ours(name)).await;
            }
            Fault::LoseBus => {
                for _ in 0..DEAF {
                    self.servers.all_obey(&command("CLIENT", &["KILL", "TYPE", "pubsub"])).await;
                    sleep(DEAF_FOR).await;
                }
            }
            Fault::LoseConnections => self.servers.all_obey(&command("CLIENT", &["KILL", "TYPE", "normal"])).await,
            Fault::Flush => {
                let name = ["log", "groups", "any", "other"][self.random.usize(..4)];
                self.servers.home_obeys(&of_ours(name), &command("FLUSHALL", &[])).await;
            }
            Fault::EvictStamps => {
                let fields = ["n", "p:plain", "p:tagged", "p:inner", "p:outer", "p:tree", "p:tree:leaf"];
                let field = fields[self.random.usize(..fields.len())];
                let groups = of_ours("groups");
                let all = self.random.bool();
                let evict = if all { command("DEL", &[&groups]) } else { command("HDEL", &[&groups, field]) };
                self.servers.home_obeys(&groups, &evict).await;
            }
            Fault::EvictTags => self.servers.primaries_obey(&command("EVAL", &[EVICT, "0", &of_ours("tag:*")])).await,
            Fault::LoseLog => self.servers.home_obeys(&of_ours("log"), &command("DEL", &[&of_ours("log")])).await,
        }
        "done".to_owned()
    }
}

fn command(name: &str, arguments: &[&str]) -> Cmd {
    let mut command = cmd(name);
    command.arg(arguments);
    command
}

async fn pause(instance: Pid) {
    // An instance that has ended already takes no signal.
    let _ = kill_process(instance, Signal::STOP);
    sleep(PAUSE).await;
    let _ = kill_process(instance, Signal::CONT);
}

fn as_nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).expect("it is some seconds")
}
