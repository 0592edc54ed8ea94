//! Two threads that hit at once.

use std::hint::black_box;
use std::thread;

use benches::{Contest, Scale, print};

use crate::Result;
use crate::floor::{Engine, Floor, MiniMoka, QuickCache};
use crate::l1::assert_hits;
use crate::subject::{KEYS, User, current_thread, each, engine, fill, install, ours, shuffled, theirs};

const THREADS: u64 = 2;
/// So many, that starting the threads does not count.
const TURNS: u64 = 10;

pub(crate) fn two(case: &str) -> Result {
    match engine(case) {
        "mini-moka" => hits::<MiniMoka>(case),
        _ => hits::<QuickCache>(case),
    }
}

fn hits<E: Engine>(case: &str) -> Result {
    let cache = install(engine(case))?;
    let floor = Floor::<E>::filled();
    let ids = &shuffled();
    fill(ours)?;
    fill(theirs)?;
    let rows = Contest::new(case, THREADS * TURNS * KEYS)
        .add_rate("floor", || {
            at_once(|| ids.iter().for_each(|&id| drop(black_box(floor.hit(id, |found| User::clone(found))))));
        })
        .add_rate("tiercache", || at_once(|| block_on(each(ids, ours))))
        .add_rate("cached 4.1", || at_once(|| block_on(each(ids, theirs))))
        .hold(Scale::default());
    assert_hits(&cache);
    print(&rows);
    Ok(())
}

fn block_on(future: impl Future<Output = ()>) {
    current_thread().expect("the system gives an event queue").block_on(future);
}

fn at_once(turn: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..TURNS).for_each(|_| turn()));
        }
    });
}
