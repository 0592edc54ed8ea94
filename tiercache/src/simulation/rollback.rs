//! The server goes on from an older state: what it has acknowledged since then is lost.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::sleep;

use super::adversary;
use super::history::ROWS;
use super::plan::{happens, up_to};
use super::promise::Rollback;
use super::world::World;

/// How much is lost at most, in milliseconds, and how much time is between two losses.
const LONGEST_LAG: u64 = 800;
/// Half of the time: what is lost then, no heartbeat has seen.
const SHORT_LAG: u64 = 100;
const BETWEEN: u64 = 5_000;
/// How often an instance goes with it.
const CRASH: u8 = 80;
/// How long nobody writes after some of them, so that nothing but the journals removes what has come back.
const QUIET: u64 = 5_000;

pub(super) async fn strike(world: Arc<World>) {
    loop {
        sleep(up_to(BETWEEN)).await;
        let (dump, to) = (world.server.dump(), world.now());
        sleep(up_to(if fastrand::bool() { SHORT_LAG } else { LONGEST_LAG })).await;
        let at = world.now();
        world.note(0, "the server goes on from an older state", None);
        if world.plan.split {
            // One of two nodes: the one with the log and the stamps, or one with some of the keys.
            let node = fastrand::usize(..3);
            if node == 2 {
                world.server.restore_log(&dump);
            }
            for key in (0..ROWS).filter(|key| key % 2 == node) {
                world.server.restore_key(&dump, world.l2_key(key));
            }
            world.succeed();
        } else {
            world.server.restore(dump, fastrand::bool());
        }
        if happens(CRASH) {
            // What it has told, only others know of now.
            adversary::crash(&world, fastrand::usize(..world.slots()));
        }
        let processes = world.processes();
        world.history().roll_back(Rollback { to, at }, &processes);
        if fastrand::bool() {
            world.quiet_until.store(at + QUIET, Ordering::Relaxed);
        }
        sleep(up_to(BETWEEN)).await;
    }
}
