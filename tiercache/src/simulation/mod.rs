//! The real cache, several instances of it in one process, under virtual time and everything that a network and a server may do.
//!
//! One thread and one runtime run all instances, so that a seed repeats its run exactly. Between the instances and what they share
//! is a network that delays, reorders and loses ([`network`]); around them somebody who pauses and kills processes, cuts lines and
//! empties the server ([`adversary`]), or has it go on from an older state ([`rollback`]). Tasks of the instances read, invalidate and store,
//! one value or several ([`client`], [`writer`], [`storer`], [`batches`]); at every read it is checked that what was promised is kept
//! ([`history`], [`promise`]).
//!
//! `cargo xtask simulate` runs thousands of seeds, with `SIMULATION_SEEDS=100000` as many as asked for, and with `SIMULATION_SEED=17`
//! one, with its trace. `SIMULATION_SMALLER` is how often a smaller run is tried when a promise is broken.

mod adversary;
mod batches;
mod client;
mod history;
mod network;
mod news;
mod plan;
mod promise;
mod rollback;
mod storer;
mod world;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use history::History;
use plan::Plan;
use world::World;

/// As many as a test may take the time for; `cargo xtask simulate` runs thousands.
const SEEDS: u64 = 60;
/// Tries to find a smaller run that breaks a promise, for each size.
const SMALLER: u64 = 100;

/// Runs a plan to its end, or until a promise is broken.
fn run(plan: Plan) -> History {
    // A thread of its own: its clock is virtual for good, its random numbers are the plan's.
    let thread = std::thread::spawn(move || {
        crate::time::simulated::switch_on();
        fastrand::seed(plan.seed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime without I/O needs nothing that could be missing");
        let history = runtime.block_on(async move {
            let world = World::begin(plan).await;
            world.run().await;
            Arc::clone(&world).into_history()
        });
        drop(runtime);
        history
    });
    thread.join().expect("a simulation does not panic")
}

/// The first of `seeds` whose run breaks a promise, each run by one of the threads.
fn search(seeds: std::ops::Range<u64>) -> (Option<u64>, u64) {
    let (next, found, reads) = (AtomicU64::new(seeds.start), AtomicU64::new(u64::MAX), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || seed > found.load(Ordering::Relaxed) {
                        return;
                    }
                    let history = run(Plan::of(seed));
                    reads.fetch_add(history.reads, Ordering::Relaxed);
                    if history.violation.is_some() {
                        found.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let found = found.into_inner();
    ((found != u64::MAX).then_some(found), reads.into_inner())
}

/// The run of `seed`, or the one with the fewest events of smaller ones that break a promise too.
fn smallest(seed: u64) -> History {
    let whole = run(Plan::of(seed));
    let mut best = whole;
    let tries = from_environment("SIMULATION_SMALLER").unwrap_or(SMALLER);
    for size in plan::SMALLER_SIZES {
        for seed in seed..seed + tries {
            let smaller = run(Plan::of(seed).smaller(size));
            if smaller.violation.is_some() && smaller.events() < best.events() {
                best = smaller;
            }
        }
    }
    best
}

fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not `{text}`")))
}

#[test]
fn no_invalidation_that_was_acknowledged_is_ever_undone_whatever_goes_wrong() {
    if let Some(seed) = from_environment("SIMULATION_SEED") {
        let history = run(Plan::of(seed));
        println!("{}", history.report());
        assert!(history.violation.is_none(), "seed {seed} breaks a promise");
        return;
    }
    let (found, reads) = search(0..from_environment("SIMULATION_SEEDS").unwrap_or(SEEDS));
    println!("{reads} reads");
    if let Some(seed) = found {
        panic!("seed {seed} breaks a promise\n{}", smallest(seed).report());
    }
}

#[test]
fn a_seed_repeats_its_run_exactly() {
    for seed in 0..8 {
        let (one, again) = (run(Plan::of(seed)), run(Plan::of(seed)));
        assert!(one.reads > 0 && one.events() > 100);
        assert_eq!(one.hash(), again.hash(), "seed {seed}:\n{}", one.difference(&again));
    }
    assert_ne!(run(Plan::of(0)).hash(), run(Plan::of(1)).hash());
}
