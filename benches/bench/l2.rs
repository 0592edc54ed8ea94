//! An L2 hit in Redis, the whole call, against a bare `GET` and decode.

use benches::{Contest, Scale, print};
use tiercache::{Cache, L1, Redis};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::Result;
use crate::server::{Bare, RedisServer};
use crate::subject::{User, current_thread, each, multi_thread, ours};

const KEYS: u64 = 100;
const TASKS: u64 = 64;
/// So many hits each of the tasks makes in a turn.
const CALLS: u64 = 20;

/// How the value is asked for.
#[derive(Clone)]
struct Ways {
    /// On the runtime of who asks.
    near: Bare,
    /// On a thread of its own, as tiercache's connection is.
    far: Bare,
}

/// One at a time.
pub(crate) fn one(case: &str) -> Result {
    let (server, far) = (RedisServer::start()?, other_thread()?);
    let ids: &Vec<u64> = &(0..KEYS).collect();
    let cache = install(&server)?;
    for (kind, runtime) in [("current-thread", &current_thread()?), ("multi-thread", &multi_thread()?)] {
        let ways = &fill(&server, runtime, &far, ids)?;
        let rows = Contest::new(format!("{case}, {kind} runtime"), KEYS)
            .add("redis-rs GET, decode", || in_task(runtime, ids, ways, near))
            .add("redis-rs GET, PTTL, HMGET, decode", || in_task(runtime, ids, ways, near_all))
            .add("the same, its connection on another thread", || in_task(runtime, ids, ways, far_all))
            .add_under(1.15, "tiercache", || in_task(runtime, ids, ways, |_, id| ours(id)))
            .hold(Scale::default());
        print(&rows);
    }
    assert_hits(&cache);
    Ok(())
}

/// Many at once, which one connection takes together.
pub(crate) fn many(case: &str) -> Result {
    let (server, far) = (RedisServer::start()?, other_thread()?);
    let ids: &Vec<u64> = &(0..TASKS * CALLS).collect();
    let cache = install(&server)?;
    for (kind, runtime) in [("current-thread", &current_thread()?), ("multi-thread", &multi_thread()?)] {
        let ways = &fill(&server, runtime, &far, ids)?;
        let rows = Contest::new(format!("{case}, {kind} runtime, {TASKS} tasks"), TASKS * CALLS)
            .add_rate("redis-rs GET, decode", || in_tasks(runtime, ways, near))
            .add_rate("redis-rs GET, PTTL, HMGET, decode", || in_tasks(runtime, ways, near_all))
            .add_rate("the same, its connection on another thread", || in_tasks(runtime, ways, far_all))
            .add_rate("tiercache", || in_tasks(runtime, ways, |_, id| ours(id)))
            .hold(Scale::default());
        print(&rows);
    }
    assert_hits(&cache);
    Ok(())
}

async fn near(ways: Ways, id: u64) -> User {
    ways.near.get(id).await
}

async fn near_all(ways: Ways, id: u64) -> User {
    ways.near.get_with_life_and_stamps(id).await
}

async fn far_all(ways: Ways, id: u64) -> User {
    ways.far.get_with_life_and_stamps(id).await
}

fn other_thread() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}

fn install(server: &RedisServer) -> Result<Cache> {
    let runtime = current_thread()?;
    let l2 = Redis::new(server.url())?;
    let cache = runtime.block_on(Cache::builder().l1(L1::disabled()).l2(l2).build())?;
    cache.install()?;
    Ok(cache)
}

/// Stores every value as tiercache and as a bare client would.
fn fill(server: &RedisServer, runtime: &Runtime, far: &Runtime, ids: &[u64]) -> Result<Ways> {
    let far = far.block_on(server.connect())?;
    runtime.block_on(async {
        let near = server.connect().await?;
        for &id in ids {
            near.set(&User::new(id), id).await;
        }
        each(ids, ours).await;
        Ok(Ways { near, far })
    })
}

/// One task asks for all keys, one after the other, as a service's request does.
fn in_task<F>(runtime: &Runtime, ids: &[u64], ways: &Ways, ask: fn(Ways, u64) -> F)
where
    F: Future<Output = User> + Send + 'static,
{
    let (ids, ways) = (ids.to_vec(), ways.clone());
    let task = runtime.spawn(async move { each(&ids, |id| ask(ways.clone(), id)).await });
    runtime.block_on(task).expect("no call panics");
}

/// Many tasks, each with keys of its own.
fn in_tasks<F>(runtime: &Runtime, ways: &Ways, ask: fn(Ways, u64) -> F)
where
    F: Future<Output = User> + Send + 'static,
{
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let ways = ways.clone();
            tasks.spawn(async move {
                let ids: Vec<u64> = (task * CALLS..(task + 1) * CALLS).collect();
                each(&ids, |id| ask(ways.clone(), id)).await;
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
