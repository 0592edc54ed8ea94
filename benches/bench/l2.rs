//! An L2 hit in Redis, the whole call, against a bare `GET` and decode.

use benches::{Contest, Scale, print};
use tiercache::{Cache, L1, Redis};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::Result;
use crate::server::{Bare, RedisServer};
use crate::subject::{User, current_thread, each, multi_thread, ours};

const KEYS: u64 = 100;
const TASKS: u64 = 64;
/// So many hits each of the tasks makes in a turn.
const CALLS: u64 = 20;

/// One at a time.
pub(crate) fn one(case: &str) -> Result {
    let server = RedisServer::start()?;
    let ids: &Vec<u64> = &(0..KEYS).collect();
    let cache = install(&server)?;
    let other_runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let s2 = &server;
    let other = other_runtime.block_on(async { s2.connect().await })?;
    for (kind, runtime) in [("current-thread", &current_thread()?), ("multi-thread", &multi_thread()?)] {
        let bare = &runtime.block_on(fill(&server, ids))?;
        let rows = Contest::new(format!("{case}, {kind} runtime"), KEYS)
            .add("redis-rs GET, decode", || {
                in_task(runtime, ids, bare.clone(), |bare, id| async move { bare.get(id).await })
            })
            .add("redis-rs GET, PTTL, HMGET, decode", || {
                in_task(runtime, ids, bare.clone(), |bare, id| async move { bare.get_with_life_and_stamps(id).await })
            })
            .add("redis-rs GET, other thread", || {
                in_task(runtime, ids, other.clone(), |bare, id| async move { bare.get(id).await })
            })
            .add("redis-rs GET, PTTL, HMGET, other thread", || {
                in_task(runtime, ids, other.clone(), |bare, id| async move { bare.get_with_life_and_stamps(id).await })
            })
            .add_under(1.15, "tiercache", || in_task(runtime, ids, (), |(), id| ours(id)))
            .hold(Scale::short());
        print(&rows);
    }
    assert_hits(&cache);
    Ok(())
}

/// Many at once, which one connection takes together.
pub(crate) fn many(case: &str) -> Result {
    let server = RedisServer::start()?;
    let ids: &Vec<u64> = &(0..TASKS * CALLS).collect();
    let cache = install(&server)?;
    let other_runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let s2 = &server;
    let other = other_runtime.block_on(async { s2.connect().await })?;
    for (kind, runtime) in [("current-thread", &current_thread()?), ("multi-thread", &multi_thread()?)] {
        let bare = &runtime.block_on(fill(&server, ids))?;
        let rows = Contest::new(format!("{case}, {kind} runtime, {TASKS} tasks"), TASKS * CALLS)
            .add_rate("redis-rs GET, decode", || {
                in_tasks(runtime, bare.clone(), |bare, id| async move { bare.get(id).await });
            })
            .add_rate("redis-rs GET, PTTL, HMGET, decode", || {
                in_tasks(runtime, bare.clone(), |bare, id| async move { bare.get_with_life_and_stamps(id).await })
            })
            .add_rate("redis-rs GET, other thread", || {
                in_tasks(runtime, other.clone(), |bare, id| async move { bare.get(id).await })
            })
            .add_rate("redis-rs GET, PTTL, HMGET, other thread", || {
                in_tasks(runtime, other.clone(), |bare, id| async move { bare.get_with_life_and_stamps(id).await })
            })
            .add_rate("tiercache", || in_tasks(runtime, (), |(), id| ours(id)))
            .hold(Scale::short());
        print(&rows);
    }
    assert_hits(&cache);
    Ok(())
}

fn install(server: &RedisServer) -> Result<Cache> {
    let runtime = current_thread()?;
    let l2 = Redis::new(server.url())?;
    let cache = runtime.block_on(Cache::builder().l1(L1::disabled()).l2(l2).build())?;
    cache.install()?;
    Ok(cache)
}

/// Every value, in both ways of storing it.
async fn fill(server: &RedisServer, ids: &[u64]) -> Result<Bare> {
    let bare = server.connect().await?;
    for &id in ids {
        bare.set(&User::new(id), id).await;
    }
    each(ids, ours).await;
    Ok(bare)
}

/// One task asks for all keys, one after the other, as a service's request does.
fn in_task<C, F>(runtime: &Runtime, ids: &[u64], client: C, ask: fn(C, u64) -> F)
where
    C: Clone + Send + Sync + 'static,
    F: Future<Output = User> + Send + 'static,
{
    let ids = ids.to_vec();
    let task = runtime.spawn(async move { each(&ids, |id| ask(client.clone(), id)).await });
    runtime.block_on(task).expect("no call panics");
}

/// Many tasks, each with keys of its own.
fn in_tasks<C, F>(runtime: &Runtime, client: C, ask: fn(C, u64) -> F)
where
    C: Clone + Send + Sync + 'static,
    F: Future<Output = User> + Send + 'static,
{
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let client = client.clone();
            tasks.spawn(async move {
                let ids: Vec<u64> = (task * CALLS..(task + 1) * CALLS).collect();
                each(&ids, |id| ask(client.clone(), id)).await;
            });
        }
        tasks.join_all().await;
    });
}

fn assert_hits(cache: &Cache) {
    let stats = cache.stats();
    assert_eq!(stats.total.l2_hits, stats.total.requests - stats.total.loads_led, "everything else is a hit");
    assert!(stats.total.loads_led <= TASKS * CALLS && stats.l2_errors.is_empty(), "{stats:?}");
}
