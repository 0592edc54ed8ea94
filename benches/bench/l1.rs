//! An L1 hit, the whole call, against the floor of the same engine and value.

use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;

use benches::{Contest, Scale, print};
use tiercache::Cache;

use crate::Result;
use crate::floor::{Engine, Floor, MiniMoka, QuickCache};
use crate::subject::{
    KEYS, User, current_thread, distinct, each, engine, few, fill, install, multi_thread, ours, ours_shared, shuffled,
    theirs, theirs_shared,
};

pub(crate) fn structs(case: &str) -> Result {
    let clone = |found: &Arc<User>| User::clone(found);
    match engine(case) {
        "mini-moka" => hits::<MiniMoka, _, _, _>(case, clone, ours, theirs),
        _ => hits::<QuickCache, _, _, _>(case, clone, ours, theirs),
    }
}

pub(crate) fn arcs(case: &str) -> Result {
    match engine(case) {
        "mini-moka" => hits::<MiniMoka, _, _, _>(case, Arc::clone, ours_shared, theirs_shared),
        _ => hits::<QuickCache, _, _, _>(case, Arc::clone, ours_shared, theirs_shared),
    }
}

fn hits<E, V, A, B>(
    case: &str,
    clone: impl Fn(&Arc<User>) -> V + Copy,
    ours: impl Fn(u64) -> A + Copy,
    theirs: impl Fn(u64) -> B + Copy,
) -> Result
where
    E: Engine,
    A: Future<Output = V>,
    B: Future<Output = V>,
{
    let cache = install(engine(case))?;
    let floor = Floor::<E>::filled();
    fill(ours)?;
    fill(theirs)?;
    let (one, many) = (current_thread()?, multi_thread()?);
    for ids in [shuffled(), few()] {
        let ids = &ids;
        let rows = Contest::new(format!("{case}, {} keys", distinct(ids)), KEYS)
            .on_this_thread()
            .add("floor (SHA-256, get, clone, clock)", || {
                for &id in ids {
                    black_box(floor.hit(id, clone));
                }
            })
            .add_under(1.25, "tiercache", || one.block_on(each(ids, ours)))
            .add_under(1.25, "tiercache, multi-thread runtime", || many.block_on(each(ids, ours)))
            .add("cached 4.1", || one.block_on(each(ids, theirs)))
            .add("cached 4.1, multi-thread runtime", || many.block_on(each(ids, theirs)))
            .hold(Scale::default());
        print(&rows);
    }
    assert_hits(&cache);
    Ok(())
}

/// Only the first calls are to load.
pub(crate) fn assert_hits(cache: &Cache) {
    let total = cache.stats().total;
    assert_eq!((total.loads_led, total.l1_hits), (KEYS, total.requests - KEYS), "everything else is a hit");
}
