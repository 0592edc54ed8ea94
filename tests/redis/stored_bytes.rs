//! Whatever is in Redis under our keys: the right value of the right type, or a counted miss that is overwritten.

use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use tiercache::{Cache, CallExt, Source, cached};
use tiercache_tests::{Calls, RedisServer};

use super::{User, at, instance};

#[cached(prefix = "user", skip(runs))]
async fn find(id: u64, runs: &Calls) -> User {
    runs.hit();
    User::new(id)
}

/// The same bytes would decode as this type too.
#[cached(prefix = "pair", skip(runs))]
async fn pair(id: u64, runs: &Calls) -> (u64, String, Vec<String>) {
    runs.hit();
    let user = User::new(id);
    (user.id, user.name, user.roles)
}

struct Setting {
    server: RedisServer,
    cache: Cache,
    connection: MultiplexedConnection,
    runs: Calls,
}

impl Setting {
    async fn new() -> Self {
        let server = RedisServer::start().await;
        let (cache, connection) = (instance(&server).await, server.connection().await);
        Self { server, cache, connection, runs: Calls::new() }
    }

    /// What is stored for a user, once it has been called for.
    async fn stored(&mut self, id: u64) -> (String, Vec<u8>) {
        self.cache.scope(find(id, &self.runs)).await;
        let key = self.key(id).await;
        let bytes = self.connection.get(&key).await.unwrap();
        (key, bytes)
    }

    async fn key(&self, id: u64) -> String {
        self.cache.scope(async { find_entry(id).key() }).await.unwrap()
    }

    /// Puts bytes at a user's key and calls for it: the body must run, the miss be counted, and the bytes be overwritten.
    async fn is_a_counted_miss(&mut self, id: u64, bytes: &[u8], reason: &str) {
        let key = self.key(id).await;
        let _: () = self.connection.set(&key, bytes).await.unwrap();
        self.cache.clear_l1();
        let before = self.cache.stats().rejected.get(reason).copied().unwrap_or(0);
        let (user, outcome) = self.cache.scope(find(id, &self.runs).with_outcome()).await;
        assert_eq!((user, outcome.unwrap().source()), (User::new(id), Source::Loader), "{reason}");
        let rejected = self.cache.stats().rejected;
        assert_eq!(rejected.get(reason).copied().unwrap_or(0), before + 1, "{reason}: {rejected:?}");
        let after: Vec<u8> = self.connection.get(&key).await.unwrap();
        assert_ne!(after, bytes, "{reason}");
    }
}

#[tokio::test]
async fn bytes_of_another_key_are_a_counted_miss() {
    let mut setting = Setting::new().await;
    let (_, bytes) = setting.stored(1).await;
    setting.is_a_counted_miss(2, &bytes, "other_key").await;
}

#[tokio::test]
async fn bytes_of_another_namespace_are_a_counted_miss() {
    let mut setting = Setting::new().await;
    let other = at(&setting.server.url(), "blog").await;
    other.scope(find(1, &setting.runs)).await;
    let key = other.scope(async { find_entry(1).key() }).await.unwrap();
    let bytes: Vec<u8> = setting.connection.get(&key).await.unwrap();
    setting.is_a_counted_miss(1, &bytes, "other_key").await;
}

#[tokio::test]
async fn every_flipped_bit_and_every_truncation_is_a_miss() {
    let mut setting = Setting::new().await;
    let (key, bytes) = setting.stored(1).await;
    let mut damaged: Vec<Vec<u8>> = (0..bytes.len()).map(|length| bytes[..length].to_vec()).collect();
    damaged.push([&bytes[..], &[0]].concat());
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        damaged.push(flipped);
    }
    let tried = damaged.len() as u64;
    for bytes in damaged {
        let _: () = setting.connection.set(&key, bytes).await.unwrap();
        setting.cache.clear_l1();
        assert_eq!(setting.cache.scope(async { find_entry(1).peek().await }).await, None);
    }
    assert_eq!(setting.cache.stats().rejected.values().sum::<u64>(), tried);
}

#[tokio::test]
async fn the_rest_of_the_world_is_a_counted_miss() {
    let mut setting = Setting::new().await;
    setting.stored(1).await;
    setting.is_a_counted_miss(1, b"hello", "foreign").await;
    setting.is_a_counted_miss(1, b"", "foreign").await;
    setting.is_a_counted_miss(1, &vec![0xff; 100_000], "foreign").await;
    setting.is_a_counted_miss(1, &vec![0; 9 << 20], "too_large").await;
}

#[tokio::test]
async fn another_type_at_the_key_is_a_counted_miss_and_overwritten() {
    let mut setting = Setting::new().await;
    let key = setting.key(1).await;
    let _: () = setting.connection.lpush(&key, 1).await.unwrap();
    setting.cache.scope(find(1, &setting.runs)).await;
    assert_eq!(setting.cache.stats().l2_errors["wrong_type"], 1);
    let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut setting.connection).await.unwrap();
    assert_eq!(kind, "string");
}

#[tokio::test]
async fn a_value_of_another_type_is_a_counted_miss_even_where_it_decodes() {
    // Both at one address: a function whose return type was changed, say.
    mod before {
        #[tiercache::cached(id = "stored_bytes.changed", prefix = "changed")]
        pub(super) async fn find(id: u64) -> u64 {
            id
        }
    }
    tiercache::entry! { fn changed_entry(id: u64) -> i64; id = "stored_bytes.changed", prefix = "changed" }
    let setting = Setting::new().await;
    setting.cache.scope(before::find(5)).await;
    let other = instance(&setting.server).await;
    assert_eq!(other.scope(async { changed_entry(5).peek().await }).await, None);
    assert_eq!(other.stats().rejected["print"], 1);
    let runs = Calls::new();
    setting.cache.scope(pair(1, &runs)).await;
    other.scope(pair(1, &runs)).await;
    assert_eq!((runs.get(), other.stats().total.l2_hits), (1, 1));
}
