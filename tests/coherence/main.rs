//! The promise of an invalidation, judged from outside: several processes read and write the same keys over a Redis that misbehaves, and
//! every single read is checked.
//!
//! `COHERENCE_SECONDS` makes the run longer, `COHERENCE_READS` says how many reads it is to judge at least, `COHERENCE_SEED` repeats its
//! choices. With `COHERENCE_SOAK` (`cargo xtask soak`), the path of a file, its figures are written there, and it is also watched that
//! no instance grows.

mod checker;
mod faults;
mod progress;
mod report;
mod rows;
mod topology;
mod trace;
mod watch;
mod worker;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use faults::Befallen;
use tiercache_tests::history::{Bounds, History, Record, Verdict, nanos, read_journal};
use tiercache_tests::{RedisServer, eventually};
use tokio::runtime::Runtime;
use topology::{Servers, Topology};

const INSTANCES: usize = 4;
const TASKS: usize = 32;
const NAMESPACE: &str = "judged";
const MAX_STALENESS: Duration = Duration::from_secs(2);
const DEGRADED_L1_TTL: Duration = Duration::from_secs(10);
const BOUNDS: Bounds = Bounds { max_staleness: MAX_STALENESS, cut_off: DEGRADED_L1_TTL };

const TEST: &str = "no_read_is_older_than_promised";

/// The other processes; they end with this.
struct Fleet(Vec<Child>);

impl Fleet {
    fn start(cache: &Servers, database: &RedisServer, folder: &Path, seed: u64, until: u64) -> Self {
        let start = |instance: usize| {
            Command::new(std::env::current_exe().expect("a running test has a path"))
                .args(["--exact", TEST, "--nocapture"])
                .env(worker::INSTANCE, instance.to_string())
                .env(worker::CACHE, cache.url())
                .env(worker::DATABASE, database.url())
                .env(worker::FOLDER, folder)
                .env(worker::SEED, seed.to_string())
                .env(worker::UNTIL, until.to_string())
                .stdout(Stdio::null())
                .spawn()
                .expect("this test can run itself")
        };
        Self((0..INSTANCES).map(start).collect())
    }

    /// All have ended, and well.
    async fn end(mut self) {
        let all_ended = || {
            let ended = self.0.iter_mut().all(|child| matches!(child.try_wait(), Ok(Some(_))));
            async move { ended }
        };
        eventually(all_ended, Duration::from_secs(60)).await;
        for child in &mut self.0 {
            assert!(child.wait().expect("a child can be waited for").success(), "an instance has failed");
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Both fail only for a child that has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// One run after the other: each has the machine for itself.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn no_read_is_older_than_promised() {
    if let Some(instance) = setting(worker::INSTANCE) {
        runtime().block_on(worker::run(usize::try_from(instance).unwrap()));
    } else {
        judged(Topology::Single);
    }
}

#[test]
fn a_cluster_serves_nothing_older_than_promised() {
    judged(Topology::Cluster);
}

#[test]
fn sentinels_serve_nothing_older_than_promised() {
    judged(Topology::Sentinel);
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn judged(topology: Topology) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    runtime().block_on(run(topology));
}

async fn run(topology: Topology) {
    let seconds = setting("COHERENCE_SECONDS").unwrap_or(12);
    let seed = setting("COHERENCE_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    println!("{topology}, seed {seed}, {seconds} s");
    let (mut cache, database) = (Servers::start(topology).await, RedisServer::start().await);
    let folder = tempfile::tempdir().unwrap();
    let until = nanos() + seconds * 1_000_000_000;
    let fleet = Fleet::start(&cache, &database, folder.path(), seed, until);
    let processes: Vec<_> = fleet.0.iter().map(rustix::process::Pid::from_child).collect();
    let faults = faults::inject(&mut cache, topology, &processes, seed, until);
    let (befallen, watched) = tokio::join!(faults, watch::watch(&processes, folder.path(), until));
    fleet.end().await;
    let verdict = judge(folder.path(), &befallen);
    println!("{watched}\n{} faults: {}\n{verdict}", befallen.len(), report::by_kind(&befallen));
    for violation in trace::telling(verdict.violations()) {
        trace::print(folder.path(), violation, &befallen);
    }
    let soak = std::env::var_os("COHERENCE_SOAK");
    if let Some(report) = &soak {
        report::write(
            Path::new(report),
            &report::Figures { topology, seed, seconds, befallen, verdict: &verdict, watched: &watched },
        );
    }
    assert_eq!(verdict.violated(), 0, "{topology}, seed {seed}");
    if soak.is_some() {
        assert_eq!(watched.growing(), Vec::<String>::new(), "{topology}, seed {seed}");
    }
    let least = setting("COHERENCE_READS").unwrap_or(seconds * 200);
    assert!(verdict.reads() > least, "too few reads to mean anything: {}", verdict.reads());
}

/// Reads all journals twice: the writes first, then the reads.
fn judge(folder: &Path, befallen: &[Befallen]) -> Verdict {
    let journals = journals(folder);
    let mut history = History::default();
    befallen.iter().filter_map(Befallen::rollback).for_each(|rollback| history.add_rollback(rollback));
    for (instance, path) in &journals {
        let stood_still = |begin, end| befallen.iter().any(|fault| fault.paused(*instance, begin, end));
        read_journal(path, |record| match record {
            Record::CutOff { begin, end } if end - begin >= worker::LONG && stood_still(begin, end) => {}
            record => history.add(*instance, record),
        });
    }
    let mut verdict = history.closed(BOUNDS);
    for (instance, path) in &journals {
        read_journal(path, |record| verdict.judge(*instance, record));
    }
    verdict
}

/// The journals of all instances.
fn journals(folder: &Path) -> Vec<(usize, PathBuf)> {
    let of = |instance| (0..=TASKS).map(move |task| (instance, worker::journal(folder, instance, task)));
    (0..INSTANCES).flat_map(of).collect()
}
