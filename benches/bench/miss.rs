//! A miss: what a cache adds to a body that does next to nothing.

use std::cell::Cell;
use std::hint::black_box;

use benches::{Contest, Scale, print};
use tiercache::{Cache, CallExt, L1, Redis, WriteMode};

use crate::Result;
use crate::server::RedisServer;
use crate::subject::{CAPACITY, User, current_thread, each, ours};

const CALLS: u64 = 1_000;
const CALLS_OVER_L2: u64 = 50;

/// Keys that nobody asked for before.
#[derive(Default)]
struct Unseen(Cell<u64>);

impl Unseen {
    fn next(&self, count: u64) -> Vec<u64> {
        let first = self.0.replace(self.0.get() + count);
        (first..first + count).collect()
    }
}

pub(crate) fn memory(case: &str) -> Result {
    let runtime = &current_thread()?;
    let unseen = &Unseen::default();
    let body = || unseen.next(CALLS).into_iter().for_each(|id| drop(black_box(User::new(id))));
    let rows = Contest::new(format!("{case}, no cache installed"), CALLS)
        .add("the body alone", body)
        .add("tiercache", || runtime.block_on(each(&unseen.next(CALLS), ours)))
        .hold(Scale::short());
    print(&rows);
    for engine in ["quick-cache", "mini-moka"] {
        let l1 = L1::named(engine)?.max_entries(CAPACITY as u64);
        let cache = &runtime.block_on(Cache::builder().l1(l1).build())?;
        let uncached = |id| ours(id).uncached();
        let rows = Contest::new(format!("{case}, {engine}"), CALLS)
            .add("the body alone", body)
            .add("tiercache", || runtime.block_on(cache.scope(each(&unseen.next(CALLS), ours))))
            .add("tiercache, `uncached()`", || runtime.block_on(cache.scope(each(&unseen.next(CALLS), uncached))))
            .hold(Scale::short());
        print(&rows);
    }
    Ok(())
}

/// An L2 that has failed is left alone: a miss is to cost what it costs without one.
pub(crate) fn open(case: &str) -> Result {
    let runtime = &current_thread()?;
    let unseen = &Unseen::default();
    let l1 = || L1::quick_cache().max_entries(CAPACITY as u64);
    let alone = &runtime.block_on(Cache::builder().l1(l1()).build())?;
    // Nothing listens there.
    let nowhere = Redis::new("redis://127.0.0.1:1")?;
    let cut_off =
        &runtime.block_on(Cache::builder().l1(l1()).l2(nowhere).l2_retries(0).l2_breaker_failures(1).build())?;
    let rows = Contest::new(case, CALLS)
        .add("tiercache without L2", || runtime.block_on(alone.scope(each(&unseen.next(CALLS), ours))))
        .add("tiercache, breaker open", || runtime.block_on(cut_off.scope(each(&unseen.next(CALLS), ours))))
        .hold(Scale::short());
    assert_eq!(cut_off.stats().l2.breaker_opened, 1, "it stays open");
    print(&rows);
    Ok(())
}

pub(crate) fn redis(case: &str) -> Result {
    let server = RedisServer::start()?;
    let runtime = &current_thread()?;
    let cache = &runtime.block_on(Cache::builder().l2(Redis::new(server.url())?).build())?;
    let behind = Cache::builder().l2(Redis::new(server.url())?).write_mode(WriteMode::Behind);
    let behind = &runtime.block_on(behind.build())?;
    let connection = &runtime.block_on(server.connect())?;
    let unseen = &Unseen::default();
    let rows = Contest::new(case, CALLS_OVER_L2)
        .add("redis-rs GET and SET", || {
            runtime.block_on(each(&unseen.next(CALLS_OVER_L2), |id| connection.get_and_set(id)));
        })
        .add("tiercache", || runtime.block_on(cache.scope(each(&unseen.next(CALLS_OVER_L2), ours))))
        .add("tiercache, written behind", || {
            runtime.block_on(behind.scope(each(&unseen.next(CALLS_OVER_L2), ours)));
        })
        .hold(Scale::default());
    assert_eq!(cache.stats().total.store_failures, 0, "Redis took every value");
    print(&rows);
    Ok(())
}
