//! Tags of hand-made keys over a real Redis.

use std::time::Duration;

use futures_util::join;
use redis::AsyncCommands as _;
use tiercache::{Key, Policy};
use tiercache_tests::{Calls, RedisServer, eventually};
use tokio::sync::Notify;

use super::{User, instance};

/// What the bus and a busy machine may take.
const SOON: Duration = Duration::from_secs(10);
const USERS: Policy = Policy::new().ttl(Duration::from_secs(100)).l1_ttl(Duration::from_secs(60));

fn key(id: u64) -> Key {
    Key::new("user", &id).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_set_with_a_tag_is_gone_when_another_instance_invalidates_it() {
    let server = RedisServer::start().await;
    let (one, two) = (instance(&server).await, instance(&server).await);
    for way in 0..3_u64 {
        let keys = [key(way), key(way + 10), key(way + 20)];
        let users = [1, 2, 3].map(User::new);
        for (key, user) in keys.iter().zip(&users) {
            let tagged = USERS.tags(["users", &format!("user:{}", user.id)]);
            match way {
                0 => one.set(key, user, &tagged).await.unwrap(),
                1 => one.set_many([(key, user)], &tagged).await.unwrap(),
                _ => drop(one.get_or_load_value(key, &tagged, async || user.clone()).await),
            }
        }
        let all = users.clone().map(Some);
        assert_eq!((one.get_many(&keys).await, two.get_many(&keys).await), (all.to_vec(), all.to_vec()));
        two.invalidate_tags(["user:1", "user:9"]).await.unwrap();
        eventually(async || one.get::<User>(&keys[0]).await.is_none(), SOON).await;
        let left = [None, all[1].clone(), all[2].clone()];
        assert_eq!((one.get_many(&keys).await, two.get_many(&keys).await), (left.to_vec(), left.to_vec()));
        two.invalidate_tags(["users"]).await.unwrap();
        eventually(async || one.get_many::<User>(&keys).await == [None, None, None], SOON).await;
        two.clear_l1();
        assert_eq!(two.get_many::<User>(&keys).await, [None, None, None]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_that_another_instances_invalidation_comes_into_stays_out() {
    let server = RedisServer::start().await;
    let (one, two, begun, gate) = (instance(&server).await, instance(&server).await, Calls::new(), Notify::new());
    let (key, tagged) = (key(1), USERS.tags(["users"]));
    let load = one.get_or_load_value(&key, &tagged, async || {
        begun.hit();
        gate.notified().await;
        User::new(1)
    });
    let invalidated = async {
        eventually(async || begun.get() == 1, SOON).await;
        two.invalidate_tags(["users"]).await.unwrap();
        gate.notify_one();
    };
    assert_eq!(join!(load, invalidated).0, User::new(1));
    assert_eq!(two.get::<User>(&key).await, None);
    eventually(async || one.get::<User>(&key).await.is_none(), SOON).await;
}

/// How many commands of this name the server has run.
async fn calls(server: &RedisServer, command: &str) -> u64 {
    let mut connection = server.connection().await;
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_does_not_know_the_tags_of_a_value_reads_twice() {
    let server = RedisServer::start().await;
    let (one, two) = (instance(&server).await, instance(&server).await);
    let (bare, tagged, both) = (key(1), key(2), USERS.tags(["b", "a"]));
    one.set(&bare, &1_u64, &USERS).await.unwrap();
    one.set(&tagged, &2_u64, &both).await.unwrap();
    let mut connection = server.connection().await;
    let lives: Vec<String> = connection.keys("shop:@tag:*").await.unwrap();
    assert_eq!(lives.len(), 2);
    let reads = async |policy: &Policy, key: &Key| {
        two.clear_l1();
        let before = calls(&server, "get").await;
        let value = two.get_or_load_value(key, policy, async || 0_u64).await;
        (value, calls(&server, "get").await - before)
    };
    assert_eq!(reads(&USERS, &bare).await, (1, 1));
    assert_eq!(reads(&USERS.tags(["a", "b"]), &tagged).await, (2, 1));
    assert_eq!(reads(&USERS, &tagged).await, (2, 2));
    assert_eq!(two.stats().total.l2_hits, 3);
}
