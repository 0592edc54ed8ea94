//! Many keys in few round trips.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use redis::AsyncCommands;
use tiercache::{Key, Policy, cached};
use tiercache_tests::{RedisServer, eventually, spawn};

use super::{User, instance};

type Asked = Arc<Mutex<Vec<Vec<u64>>>>;

#[cached(prefix = "user", skip(asked))]
async fn get_user(id: u64, asked: &Asked) -> User {
    asked.lock().unwrap().push(vec![id]);
    User::new(id)
}

#[cached(batch(ids, get_user_entry))]
async fn get_users(ids: Vec<u64>, asked: Asked) -> HashMap<u64, User> {
    asked.lock().unwrap().push(ids.clone());
    tokio::time::sleep(Duration::from_millis(50)).await;
    ids.into_iter().map(|id| (id, User::new(id))).collect()
}

fn users(ids: impl IntoIterator<Item = u64>) -> HashMap<u64, User> {
    ids.into_iter().map(|id| (id, User::new(id))).collect()
}

/// How often each command has been carried out by the server, inside scripts too.
async fn commands(server: &RedisServer) -> HashMap<String, u64> {
    let mut connection = server.connection().await;
    let text: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
    let counts = text.lines().filter_map(|line| {
        let (name, counts) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), counts.split(',').next()?.parse().ok()?))
    });
    counts.collect()
}

async fn reset(server: &RedisServer) {
    let mut connection = server.connection().await;
    let _: () = redis::cmd("CONFIG").arg("RESETSTAT").query_async(&mut connection).await.unwrap();
}

fn count(commands: &HashMap<String, u64>, name: &str) -> u64 {
    commands.get(name).copied().unwrap_or(0)
}

#[tokio::test]
async fn a_thousand_keys_are_one_read_and_one_write() {
    let server = RedisServer::start().await;
    let (one, two) = (instance(&server).await, instance(&server).await);
    let keys: Vec<Key> = (0..1_000).map(|id| Key::new("many", &id).unwrap()).collect();
    reset(&server).await;
    one.set_many(keys.iter().map(|key| (key, &7_u64)), &Policy::new()).await.unwrap();
    let written = commands(&server).await;
    assert_eq!((count(&written, "set"), count(&written, "xadd"), count(&written, "publish")), (1_000, 1, 1));
    // Of the stamps and of the values; a server that does not know them is sent each once more.
    assert!(count(&written, "evalsha") <= 4, "{written:?}");
    assert_eq!(two.get_many::<u64>(&keys).await, vec![Some(7); 1_000]);
    let read = commands(&server).await;
    assert_eq!((count(&read, "mget"), count(&read, "get"), count(&read, "pttl")), (1, 0, 1_000));
    // Once the other one's news has come, which may be after the values.
    let in_memory = || async {
        let before = count(&commands(&server).await, "mget");
        two.get_many::<u64>(&keys).await;
        count(&commands(&server).await, "mget") == before
    };
    eventually(in_memory, Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_write_of_many_is_heard_by_the_other_instances_and_keeps_their_lives() {
    let server = RedisServer::start().await;
    let (one, two) = (instance(&server).await, instance(&server).await);
    let keys: Vec<Key> = (0..3).map(|id| Key::new("heard", &id).unwrap()).collect();
    let policy = Policy::new().ttl(Duration::from_secs(300));
    one.set_many(keys.iter().map(|key| (key, &1_u64)), &policy).await.unwrap();
    assert_eq!(two.get_many::<u64>(&keys).await, [Some(1); 3]);
    one.set_many([(&keys[0], &2_u64), (&keys[2], &2)], &policy).await.unwrap();
    let hears = || async { two.get_many::<u64>(&keys).await == [Some(2), Some(1), Some(2)] };
    eventually(hears, Duration::from_secs(10)).await;
    let mut connection = server.connection().await;
    let stored: Vec<String> = connection.keys("shop:heard:*").await.unwrap();
    for key in &stored {
        let life: i64 = connection.pttl(key).await.unwrap();
        assert!((290_000..=300_000).contains(&life), "{life}");
    }
    assert_eq!(stored.len(), 3);
}

#[tokio::test]
async fn what_is_no_value_in_redis_is_a_miss_and_is_overwritten() {
    let (server, asked) = (RedisServer::start().await, Asked::default());
    let (one, two) = (instance(&server).await, instance(&server).await);
    one.scope(get_users(vec![1, 2, 3], Arc::clone(&asked))).await;
    let keys = one.scope(async { [1, 2].map(|id| get_user_entry(id).key().unwrap()) }).await;
    let mut connection = server.connection().await;
    let _: () = connection.del(&keys[0]).await.unwrap();
    let _: () = connection.lpush(&keys[0], "not a string").await.unwrap();
    let _: () = connection.set(&keys[1], "not ours").await.unwrap();
    assert_eq!(two.scope(get_users(vec![1, 2, 3], Arc::clone(&asked))).await, users([1, 2, 3]));
    assert_eq!(*asked.lock().unwrap(), [vec![1, 2, 3], vec![1, 2]]);
    assert_eq!(two.stats().rejected["foreign"], 2);
    one.clear_l1();
    one.scope(get_users(vec![1, 2, 3], Arc::clone(&asked))).await;
    assert_eq!(asked.lock().unwrap().len(), 2, "it is in Redis again");
}

#[tokio::test]
async fn a_batch_reads_what_memory_does_not_have_in_one_round_trip() {
    let (server, asked) = (RedisServer::start().await, Asked::default());
    let (one, two) = (instance(&server).await, instance(&server).await);
    one.scope(get_users((0..50).collect(), Arc::clone(&asked))).await;
    two.scope(get_user(7, &asked)).await;
    reset(&server).await;
    assert_eq!(two.scope(get_users((0..60).collect(), Arc::clone(&asked))).await, users(0..60));
    let commands = commands(&server).await;
    assert_eq!(count(&commands, "mget"), 1);
    assert_eq!(*asked.lock().unwrap(), [(0..50).collect::<Vec<_>>(), (50..60).collect()]);
    assert_eq!(two.stats().total.l2_hits, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_overlap_load_each_element_once_in_the_whole_fleet() {
    let (server, asked) = (RedisServer::start().await, Asked::default());
    let fleet = join_all((0..4).map(|_| instance(&server))).await;
    let calls = fleet.iter().zip(0_u64..).flat_map(|(cache, turn)| {
        let forwards: Vec<u64> = (turn * 5..turn * 5 + 20).collect();
        let backwards: Vec<u64> = (0..30).rev().collect();
        [forwards, backwards].map(|ids| {
            let expected = users(ids.clone());
            let call = get_users(ids, Arc::clone(&asked));
            spawn(cache, async move { assert_eq!(call.await, expected) })
        })
    });
    for call in join_all(calls.collect::<Vec<_>>()).await {
        call.unwrap();
    }
    let asked = asked.lock().unwrap().concat();
    assert_eq!(asked.len(), 35, "{asked:?}");
    assert_eq!(asked.into_iter().collect::<BTreeSet<_>>(), (0..35).collect());
}
