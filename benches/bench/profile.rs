//! Nothing but hits, for a profiler: see the documentation of the package.

use std::hint::black_box;

use crate::Result;
use crate::floor::{Engine, Floor, MiniMoka, QuickCache};
use crate::subject::{User, current_thread, each, engine, fill, install, ours, shuffled};

const TURNS: usize = 10;

pub(crate) fn hits(case: &str) -> Result {
    install(engine(case))?;
    fill(ours)?;
    let (ids, runtime) = (shuffled(), current_thread()?);
    turns(|| runtime.block_on(each(&ids, ours)));
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "every case may fail")]
pub(crate) fn floor(case: &str) -> Result {
    match engine(case) {
        "mini-moka" => floor_of::<MiniMoka>(),
        _ => floor_of::<QuickCache>(),
    }
    Ok(())
}

fn floor_of<E: Engine>() {
    let (ids, floor) = (shuffled(), Floor::<E>::filled());
    turns(|| ids.iter().for_each(|&id| drop(black_box(floor.hit(id, |found| User::clone(found))))));
}

/// Not inlined, so that a profiler can be told to begin here.
#[inline(never)]
fn turns(turn: impl Fn()) {
    (0..TURNS).for_each(|_| turn());
}
