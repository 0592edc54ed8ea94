//! What befalls the Redis of a run and its instances.

use std::time::Duration;

use fastrand::Rng;
use redis::{Cmd, cmd};
use rustix::process::{Pid, Signal, kill_process};
use tiercache_tests::RedisServer;
use tiercache_tests::history::nanos;
use tokio::time::sleep;

use super::{MAX_STALENESS, NAMESPACE};

/// Between two faults.
const QUIET: Duration = Duration::from_millis(400);

/// How often the bus is lost in a row, and the time between.
const DEAF: u32 = 30;
const DEAF_FOR: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// For a while nobody hears anything, unless by the log.
    LoseBus,
    LoseConnections,
    Flush,
    EvictStamps,
    LoseLog,
    Restart,
    /// An instance stands still for longer than the bound.
    Pause,
}

const DECK: [Fault; 10] = [
    Fault::LoseBus,
    Fault::LoseBus,
    Fault::LoseConnections,
    Fault::EvictStamps,
    Fault::LoseBus,
    Fault::Flush,
    Fault::EvictStamps,
    Fault::Pause,
    Fault::LoseLog,
    Fault::Restart,
];

/// A fault that befell a run, and when it began and ended.
#[derive(Clone, Debug)]
pub(crate) struct Befallen {
    pub(crate) what: String,
    pub(crate) begin: u64,
    pub(crate) end: u64,
}

/// Deals out faults until shortly before the end of the run; all instances run on when this returns. Says what befell them.
pub(crate) async fn inject(server: &mut RedisServer, instances: &[Pid], seed: u64, until: u64) -> Vec<Befallen> {
    let mut random = Rng::with_seed(seed);
    let mut deck = Vec::new();
    let (mut pauses, mut befallen) = (Vec::new(), Vec::new());
    let last = until.saturating_sub(1_000_000_000);
    sleep(QUIET * 2).await;
    while nanos() < last {
        if deck.is_empty() {
            deck = DECK.to_vec();
            random.shuffle(&mut deck);
        }
        let fault = deck.pop().expect("filled when empty");
        let (mut what, begin) = (format!("{fault:?}"), nanos());
        match fault {
            Fault::Pause => {
                let instance = random.usize(..instances.len());
                what = format!("{what} of instance {instance}");
                pauses.push(tokio::spawn(pause(instances[instance])));
            }
            Fault::Restart => server.restart().await,
            Fault::LoseBus => {
                for _ in 0..DEAF {
                    befall(server, &command(fault, &mut random)).await;
                    sleep(DEAF_FOR).await;
                }
            }
            fault => befall(server, &command(fault, &mut random)).await,
        }
        befallen.push(Befallen { what, begin, end: nanos() });
        sleep(QUIET.mul_f64(0.5 + random.f64())).await;
    }
    for pause in pauses {
        pause.await.expect("a pause does not panic");
    }
    befallen
}

fn command(fault: Fault, random: &mut Rng) -> Cmd {
    let of_ours = |name: &str| format!("{NAMESPACE}:@{name}");
    let (name, arguments): (&str, Vec<String>) = match fault {
        Fault::LoseBus => ("CLIENT", vec!["KILL".into(), "TYPE".into(), "pubsub".into()]),
        Fault::LoseConnections => ("CLIENT", vec!["KILL".into(), "TYPE".into(), "normal".into()]),
        Fault::EvictStamps if random.bool() => ("DEL", vec![of_ours("groups")]),
        Fault::EvictStamps => {
            let fields = ["n", "p:plain", "p:inner", "p:outer", "p:tree", "p:tree:leaf"];
            ("HDEL", vec![of_ours("groups"), fields[random.usize(..fields.len())].into()])
        }
        Fault::LoseLog => ("DEL", vec![of_ours("log")]),
        Fault::Flush | Fault::Restart | Fault::Pause => ("FLUSHALL", Vec::new()),
    };
    let mut command = cmd(name);
    command.arg(arguments);
    command
}

async fn befall(server: &RedisServer, command: &Cmd) {
    command.exec_async(&mut server.connection().await).await.expect("the server does as it is told");
}

async fn pause(instance: Pid) {
    // An instance that has ended already takes no signal.
    let _ = kill_process(instance, Signal::STOP);
    sleep(MAX_STALENESS + Duration::from_millis(700)).await;
    let _ = kill_process(instance, Signal::CONT);
}
