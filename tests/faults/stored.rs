//! Whatever is in Redis under our keys: the right value, or a counted miss that is overwritten.

use std::collections::HashMap;

use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};
use tiercache::{Cache, CallExt, Redis, Source, cached};
use tiercache_tests::{Calls, RedisServer};

use super::measured;
use super::table::{FLIPPED, FOREIGN, HOSTILE, WRONG_TYPE};

#[cached(prefix = "text", skip(runs))]
async fn text(id: u64, runs: &Calls) -> String {
    runs.hit();
    format!("{id:0>100}")
}

/// An instance that is patient with a machine busy with other tests.
async fn instance(server: &RedisServer, namespace: &str) -> Cache {
    let redis = Redis::new(server.url()).unwrap();
    let builder = Cache::builder().namespace(namespace).l2(redis).l2_deadline(std::time::Duration::from_secs(10));
    builder.build().await.unwrap()
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
        let (cache, connection) = (instance(&server, "shop").await, server.connection().await);
        Self { server, cache, connection, runs: Calls::new() }
    }

    async fn bytes_at(&mut self, key: &str) -> Vec<u8> {
        self.connection.get(key).await.unwrap()
    }

    async fn key(&self) -> String {
        self.cache.scope(async { text_entry(1).key() }).await.unwrap()
    }

    /// Puts bytes at the key of text 1 and calls for it.
    async fn is_a_counted_miss(&mut self, bytes: &[u8]) {
        let key = self.key().await;
        let before = self.rejected();
        let _: () = self.connection.set(&key, bytes).await.unwrap();
        self.cache.clear_l1();
        let (value, outcome) = self.cache.scope(text(1, &self.runs).with_outcome()).await;
        assert_eq!((value, outcome.unwrap().source()), (format!("{:0>100}", 1), Source::Loader));
        assert_eq!(self.rejected(), before + 1, "{:?}", self.cache.stats().rejected);
        assert_ne!(self.bytes_at(&key).await, bytes, "it is overwritten");
    }

    fn rejected(&self) -> u64 {
        self.cache.stats().rejected.values().sum()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_damage_to_a_stored_value_is_a_counted_miss() {
    let mut setting = Setting::new().await;
    setting.cache.scope(text(1, &setting.runs)).await;
    let key = setting.key().await;
    let bytes = setting.bytes_at(&key).await;
    let flips = bytes.len() * 8;
    assert!(flips >= 1_600, "{flips}");
    for bit in 0..flips {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        setting.is_a_counted_miss(&flipped).await;
    }
    for length in 0..bytes.len() {
        setting.is_a_counted_miss(&bytes[..length]).await;
    }
    for more in 1..=64 {
        setting.is_a_counted_miss(&[&bytes[..], &vec![0; more]].concat()).await;
    }
    measured(FLIPPED, format!("{flips} flips, {} truncations, 64 extensions: 0 wrong values", bytes.len()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_of_anything_else_is_a_counted_miss() {
    mod other {
        #[tiercache::cached(prefix = "text")]
        pub(super) async fn function(id: u64) -> String {
            id.to_string()
        }

        #[tiercache::cached(id = "faults.changed", prefix = "changed")]
        pub(super) async fn before(id: u64) -> u64 {
            id
        }
    }
    // What deployed later versions of the last one look for.
    tiercache::entry! { fn of_another_type(id: u64) -> i64; id = "faults.changed", prefix = "changed" }
    tiercache::entry! { fn of_another_version(id: u64) -> u64; id = "faults.changed", prefix = "changed", version = 2 }
    let mut setting = Setting::new().await;
    let blog = instance(&setting.server, "blog").await;
    let key_of_2 = setting.cache.scope(async { text_entry(2).key() }).await.unwrap();
    let key_there = blog.scope(async { text_entry(1).key() }).await.unwrap();
    let function = setting.cache.scope(async { other::function_entry(1).key() }).await.unwrap();
    setting.cache.scope(text(2, &setting.runs)).await;
    setting.cache.scope(other::function(1)).await;
    blog.scope(text(1, &setting.runs)).await;
    for key in [key_of_2, key_there, function] {
        let bytes = setting.bytes_at(&key).await;
        setting.is_a_counted_miss(&bytes).await;
    }
    setting.cache.scope(other::before(5)).await;
    for version in [false, true] {
        // An instance each: in one cache, an address has one policy.
        let later = instance(&setting.server, "shop").await;
        let found = later.scope(async {
            if version {
                of_another_version(5).peek().await.is_some()
            } else {
                of_another_type(5).peek().await.is_some()
            }
        });
        assert!(!found.await);
        assert_eq!(later.stats().rejected.values().sum::<u64>(), 1, "{:?}", later.stats().rejected);
    }
    measured(FOREIGN, "5 of 5 are counted misses");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_type_at_the_key_is_a_counted_miss_and_overwritten() {
    let mut setting = Setting::new().await;
    let key = setting.key().await;
    for (fill, with) in [("LPUSH", &["a"][..]), ("SADD", &["a"]), ("XADD", &["*", "a", "b"]), ("HSET", &["a", "b"])] {
        let _: () = setting.connection.del(&key).await.unwrap();
        redis::cmd(fill).arg(&key).arg(with).exec_async(&mut setting.connection).await.unwrap();
        setting.cache.clear_l1();
        assert_eq!(setting.cache.scope(text(1, &setting.runs)).await.len(), 100);
        let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut setting.connection).await.unwrap();
        assert_eq!(kind, "string");
    }
    assert_eq!(setting.cache.stats().l2_errors["wrong_type"], 4);
    measured(WRONG_TYPE, "4 types: 4 counted misses, all overwritten");
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Tree {
    children: Vec<Tree>,
}

#[cached(prefix = "numbers")]
async fn numbers() -> Vec<u64> {
    Vec::new()
}

#[cached(prefix = "units")]
async fn units() -> Vec<()> {
    Vec::new()
}

#[cached(prefix = "words")]
async fn words() -> HashMap<String, Vec<String>> {
    HashMap::new()
}

#[cached(prefix = "tree")]
async fn tree() -> Tree {
    Tree::default()
}

/// A declared length of `u64::MAX`, as bincode writes it.
const ENDLESS: [u8; 9] = [0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/// And one of a thousand million.
const HUGE: [u8; 5] = [0xfc, 0x00, 0xca, 0x9a, 0x3b];

/// The same envelope around another payload, with a good checksum.
fn sealed(envelope: &[u8], payload: &[u8]) -> Vec<u8> {
    let tail = 82 + 16 * usize::from(envelope[81]);
    let mut bytes = envelope[..tail].to_vec();
    bytes.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
    let mut sum = crc32fast::Hasher::new();
    sum.update(&bytes);
    sum.update(payload);
    bytes.extend(sum.finalize().to_le_bytes());
    bytes.extend(payload);
    bytes
}

/// Runs what looks at an entry, and says whether there was something and what it has allocated at most.
fn peek<T>(runtime: &tokio::runtime::Runtime, cache: &Cache, look: impl Future<Output = Option<T>>) -> (bool, u64) {
    let mut found = false;
    let allocated = allocation_counter::measure(|| found = runtime.block_on(cache.scope(look)).is_some());
    (found, allocated.bytes_max)
}

#[test]
fn hostile_bytes_are_a_miss_and_allocate_by_their_own_length_alone() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (server, cache, mut connection) = runtime.block_on(async {
        let server = RedisServer::start().await;
        let (cache, connection) = (instance(&server, "shop").await, server.connection().await);
        (server, cache, connection)
    });
    let (mut tried, mut most) = (0_u64, 0);
    macro_rules! try_all {
        ($function:ident, $entry:ident, $payloads:expr) => {
            runtime.block_on(cache.scope($function()));
            let key = runtime.block_on(cache.scope(async { $entry().key() })).unwrap();
            let envelope: Vec<u8> = runtime.block_on(connection.get(&key)).unwrap();
            for payload in $payloads {
                let bytes = sealed(&envelope, &payload);
                let _: () = runtime.block_on(connection.set(&key, &bytes)).unwrap();
                cache.clear_l1();
                let (found, allocated) = peek(&runtime, &cache, async { $entry().peek().await });
                assert!(!found, "{} took {payload:.20?}", stringify!($function));
                // A byte may stand for a number of eight. The rest is what it takes to ask Redis and to look.
                let bound = 8 * bytes.len() as u64 + (64 << 10);
                assert!(allocated < bound, "{}: {allocated} bytes for {}", stringify!($function), bytes.len());
                (tried, most) = (tried + 1, most.max(allocated));
            }
        };
    }
    let long = |begin: &[u8]| [begin, &vec![1; 100_000]].concat();
    try_all!(numbers, numbers_entry, [ENDLESS.to_vec(), HUGE.to_vec(), long(&ENDLESS), long(&HUGE)]);
    try_all!(units, units_entry, [ENDLESS.to_vec(), HUGE.to_vec()]);
    try_all!(words, words_entry, [ENDLESS.to_vec(), long(&[1]), [&[1], &ENDLESS[..]].concat()]);
    try_all!(tree, tree_entry, [vec![1; 100_000], ENDLESS.to_vec()]);
    assert_eq!(cache.stats().rejected.values().sum::<u64>(), tried);
    drop(server);
    measured(
        HOSTILE,
        format!("{tried} of {tried} ≤ 100 KB are counted misses; ≤ {} KiB allocated", most.div_ceil(1024)),
    );
}
