//! Nothing but hits, for a profiler: see the documentation of the package.

use std::hint::black_box;

use crate::Result;
use crate::floor::{Engine, Floor, MiniMoka, QuickCache};
use crate::subject::{User, current_thread, each, engine, fill, install, ours, shuffled};

const TURNS: usize = 20;

pub(crate) fn ours_only(case: &str) -> Result {
    install(engine(case))?;
    fill(ours)?;
    let ids = shuffled();
    let runtime = current_thread()?;
    (0..TURNS).for_each(|_| runtime.block_on(each(&ids, ours)));
    Ok(())
}

pub(crate) fn floor_only(case: &str) -> Result {
    match engine(case) {
        "mini-moka" => turns(&Floor::<MiniMoka>::filled()),
        _ => turns(&Floor::<QuickCache>::filled()),
    }
    Ok(())
}

fn turns<E: Engine>(floor: &Floor<E>) {
    let ids = shuffled();
    for _ in 0..TURNS {
        ids.iter().for_each(|&id| drop(black_box(floor.hit(id, |found| User::clone(found)))));
    }
}
