//! What is done to processes, lines and the server.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::history::{ROWS, Time};
use super::plan::{MAX_STALENESS, up_to};
use super::world::{NAMESPACE, Slot, World};

/// Strikes again and again, at random.
pub(super) async fn strike(world: Arc<World>) {
    let twice = u64::try_from(world.plan.peace.as_millis()).unwrap_or(u64::MAX) * 2;
    loop {
        sleep(up_to(twice)).await;
        let slot = fastrand::usize(..world.slots());
        match fastrand::u8(..100) {
            0..30 => pause(&world, slot),
            30..35 => crash(&world, slot),
            35..50 => cut(&world, slot),
            50..60 => {
                world.note(0, "a connection of the bus breaks", None);
                world.slot(slot).inbox = None;
            }
            60..66 => {
                world.note(0, "the server is flushed", None);
                world.server.flush();
            }
            66..74 => evict(&world, "the stamps are evicted", &format!("{NAMESPACE}:@groups")),
            74..80 => evict(&world, "the log is evicted", &format!("{NAMESPACE}:@log")),
            80..88 => {
                world.note(0, "the log is trimmed", None);
                world.server.trim(&format!("{NAMESPACE}:@log"), fastrand::usize(..4));
            }
            _ => {
                let number = fastrand::usize(..ROWS);
                world.note(0, "is evicted", Some(number));
                world.server.evict(world.l2_key(number));
            }
        }
    }
}

fn evict(world: &World, what: &'static str, key: &str) {
    world.note(0, what, None);
    world.server.evict(key);
}

/// A process stands still, now and then longer than the bound.
fn pause(world: &Arc<World>, slot: usize) {
    let Some((process, number)) = world.slot(slot).process() else { return };
    let time = if fastrand::bool() { up_to(200) } else { up_to(2 * MAX_STALENESS.as_secs() * 1_000) };
    world.note(number, "stands still", None);
    world.slot(slot).well_since = Time::MAX;
    process.pause();
    let world = Arc::clone(world);
    tokio::spawn(async move {
        sleep(time).await;
        world.note(number, "goes on", None);
        process.resume();
        let now = world.now();
        let mut slot = world.slot(slot);
        if slot.number == number {
            slot.well_since = now;
        }
    });
}

/// A process ends in the midst of what it does, and another one takes its place.
pub(super) fn crash(world: &Arc<World>, slot: usize) {
    let Some((process, number)) = world.slot(slot).process() else { return };
    world.note(number, "crashes", None);
    *world.slot(slot) = Slot::default();
    process.crash();
    let world = Arc::clone(world);
    tokio::spawn(async move {
        sleep(up_to(500)).await;
        world.start(slot);
    });
}

/// An instance does not reach the server for a while.
fn cut(world: &World, slot: usize) {
    let time = Duration::from_millis(50) + if fastrand::bool() { up_to(500) } else { up_to(6_000) };
    let number = world.slot(slot).number;
    world.note(number, "is cut off", None);
    world.slot(slot).cut_until = world.now() + u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    // Half of the time nobody tells it that the bus is gone: half open.
    if fastrand::bool() {
        world.slot(slot).inbox = None;
    }
}
