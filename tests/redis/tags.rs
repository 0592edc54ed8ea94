//! Tags over a real Redis: what an invalidation reaches, what it costs, and what becomes of the stamps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use tiercache::{Cache, cached};
use tiercache_tests::{Calls, RedisServer, eventually};
use tokio::sync::Notify;

use super::instance;

/// What the bus and a busy machine may take.
const SOON: Duration = Duration::from_secs(10);

#[cached(prefix = "tagged", ttl = 100, l1_ttl = 60, skip(runs), tags("user:{id}", "users"))]
async fn find(id: u64, runs: &Calls) -> usize {
    let _ = id;
    runs.hit()
}

/// A longer life, under a tag of the one above.
#[cached(prefix = "longer", ttl = 1_000, l1_ttl = 60, tags("users"))]
async fn longer(id: u64) -> u64 {
    id
}

/// The keys of tags that are there.
async fn tags(connection: &mut MultiplexedConnection) -> Vec<String> {
    let mut tags: Vec<String> = connection.keys("shop:@tag:*").await.unwrap();
    tags.sort();
    tags
}

async fn until_changed(cache: &Cache, id: u64, runs: &Calls, old: usize) {
    eventually(async || cache.scope(find(id, runs)).await != old, SOON).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_invalidated_here_is_gone_there_and_others_stay() {
    let server = RedisServer::start().await;
    let (one, two, runs) = (instance(&server).await, instance(&server).await, Calls::new());
    let (mine, others) = (one.scope(find(1, &runs)).await, one.scope(find(2, &runs)).await);
    assert_eq!((two.scope(find(1, &runs)).await, two.scope(find(2, &runs)).await), (mine, others));
    one.invalidate_tags(["user:1"]).await.unwrap();
    assert_ne!(one.scope(find(1, &runs)).await, mine, "here at once");
    until_changed(&two, 1, &runs, mine).await;
    assert_eq!((one.scope(find(2, &runs)).await, two.scope(find(2, &runs)).await), (others, others));
    one.invalidate_tags(["users"]).await.unwrap();
    until_changed(&two, 2, &runs, others).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_begun_before_another_instances_invalidation_of_a_tag_is_not_kept() {
    #[cached(prefix = "gated", l1_ttl = 60, skip(gate, runs), tags("gated"))]
    async fn gated(id: u64, gate: Arc<Notify>, runs: Calls) -> usize {
        let _ = id;
        let nth = runs.hit();
        if nth == 1 {
            gate.notified().await;
        }
        nth
    }
    let server = RedisServer::start().await;
    let (one, two, runs) = (instance(&server).await, instance(&server).await, Calls::new());
    let gate = Arc::new(Notify::new());
    let load = {
        let (two, gate, runs) = (two.clone(), Arc::clone(&gate), runs.clone());
        tokio::spawn(async move { two.scope(gated(1, gate, runs)).await })
    };
    eventually(|| async { runs.get() == 1 }, SOON).await;
    one.invalidate_tags(["gated"]).await.unwrap();
    gate.notify_one();
    assert_eq!(load.await.unwrap(), 1);
    assert_eq!(one.scope(gated(1, Arc::clone(&gate), runs.clone())).await, 2);
    eventually(async || two.scope(gated(1, Arc::clone(&gate), runs.clone())).await == 2, SOON).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stamp_that_was_evicted_or_made_anew_makes_a_miss_and_never_an_old_value() {
    let server = RedisServer::start().await;
    let (one, two, runs) = (instance(&server).await, instance(&server).await, Calls::new());
    let mut connection = server.connection().await;
    for by_whom in ["evicted", "made anew by another fill", "forged"] {
        let old = one.scope(find(1, &runs)).await;
        assert_eq!(two.scope(find(1, &runs)).await, old);
        let stamps = tags(&mut connection).await;
        assert!(stamps.len() >= 2, "{stamps:?}");
        let _: usize = connection.del(&stamps).await.unwrap();
        match by_whom {
            "forged" => {
                for stamp in &stamps {
                    let _: () = connection.set(stamp, 1).await.unwrap();
                }
            }
            "evicted" => {}
            _ => {
                // It carries one of the two tags.
                one.scope(find(2, &runs)).await;
                assert!(!tags(&mut connection).await.is_empty());
            }
        }
        two.clear_l1();
        assert_ne!(two.scope(find(1, &runs)).await, old, "{by_whom}");
        one.clear().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stamps_of_tags_live_twice_as_long_as_the_longest_entry_and_fills_extend_them() {
    let server = RedisServer::start().await;
    let (cache, runs) = (instance(&server).await, Calls::new());
    let mut connection = server.connection().await;
    cache.scope(find(1, &runs)).await;
    let made = tags(&mut connection).await;
    let mut lives = async || {
        let mut lives = Vec::new();
        for tag in &made {
            lives.push(connection.pttl::<_, i64>(tag).await.unwrap());
        }
        lives.sort_unstable();
        lives
    };
    let within = |life: i64, seconds: i64| life > (seconds - 60) * 1_000 && life <= seconds * 1_000;
    assert!(lives().await.iter().all(|life| within(*life, 200)), "{:?}", lives().await);
    cache.scope(longer(1)).await;
    let [own, shared] = lives().await[..] else { panic!("two tags") };
    assert!(within(own, 200) && within(shared, 2_000), "{own} {shared}");
    // As if much of its life had passed.
    for tag in &made {
        let _: bool = connection.pexpire(tag, 50_000).await.unwrap();
    }
    let entry = cache.scope(async { find_entry(1).key() }).await.unwrap();
    let _: usize = connection.del(entry).await.unwrap();
    cache.clear_l1();
    cache.scope(find(1, &runs)).await;
    let mut lives = Vec::new();
    for tag in &made {
        lives.push(connection.pttl::<_, i64>(tag).await.unwrap());
    }
    assert!(lives.iter().all(|life| within(*life, 200)), "a fill that finds its stamps extends them: {lives:?}");
}

/// How often each command ran, without what runs by itself.
async fn commands(connection: &mut MultiplexedConnection) -> BTreeMap<String, u64> {
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(connection).await.unwrap();
    let lines = info.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(":calls="));
    let calls = lines.map(|(name, rest)| (name.to_owned(), rest.split(',').next().unwrap().parse().unwrap()));
    calls.filter(|(name, _)| !["info", "xrange", "ping", "touch", "set", "get"].contains(&name.as_str())).collect()
}

/// What an invalidation of the tag `users` runs on the server.
async fn cost(cache: &Cache, connection: &mut MultiplexedConnection) -> BTreeMap<String, u64> {
    let before = commands(connection).await;
    cache.invalidate_tags(["users"]).await.unwrap();
    let after = commands(connection).await;
    let new = |(name, count): (String, u64)| Some((count - before.get(&name).unwrap_or(&0), name));
    after.into_iter().filter_map(new).filter(|(count, _)| *count > 0).map(|(count, name)| (name, count)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalidation_of_a_tag_costs_the_same_for_one_entry_and_for_a_hundred_thousand() {
    const ENTRIES: u64 = 100_000;
    let server = RedisServer::start().await;
    let (cache, runs) = (instance(&server).await, Calls::new());
    let mut connection = server.connection().await;
    // The server learns the scripts.
    cache.invalidate_tags(["users"]).await.unwrap();
    cache.scope(find(1, &runs)).await;
    let of_one = cost(&cache, &mut connection).await;
    cache.scope(find(1, &runs)).await;
    let entry: Vec<u8> = connection.get(cache.scope(async { find_entry(1).key() }).await.unwrap()).await.unwrap();
    for page in 0..ENTRIES / 10_000 {
        let mut pipeline = redis::pipe();
        for nth in 0..10_000 {
            pipeline.set(format!("shop:tagged:{:064x}", page * 10_000 + nth), &entry).ignore();
        }
        let () = pipeline.query_async(&mut connection).await.unwrap();
    }
    let of_many = cost(&cache, &mut connection).await;
    assert_eq!(of_many, of_one);
    let expected = [("evalsha", 1), ("publish", 1), ("unlink", 1), ("xadd", 1)];
    assert_eq!(of_one, expected.map(|(name, count)| (name.to_owned(), count)).into());
    assert_eq!(cache.scope(find(1, &runs)).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stamps_in_use_are_touched_so_that_they_are_not_evicted() {
    let server = RedisServer::start().await;
    let _cache = instance(&server).await;
    let mut connection = server.connection().await;
    let mut touched = async || {
        let info: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
        info.contains("cmdstat_touch:")
    };
    let begin = std::time::Instant::now();
    while !touched().await {
        assert!(begin.elapsed() < SOON, "nothing was touched");
        tokio::task::yield_now().await;
    }
}
