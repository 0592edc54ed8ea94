//! Writing behind: who waits for what, what is promised at once, and what becomes of the queue.

use std::time::Duration;

use futures_util::future::join;
use tiercache::{
    Cache, CallExt, Chaos, Embedded, ErrorKind, Key, L1, Memory, Named, Operation, Policy, Recording, WriteMode,
    cached, entry, updates,
};
use tiercache_tests::{Calls, eventually};

use super::{User, over};

const SOON: Duration = Duration::from_secs(10);
const BEHIND: Policy = Policy::new().write_mode(WriteMode::Behind);

entry! { fn user_entry(id: u64) -> User; prefix = "user", write = "behind" }

#[cached(at = user_entry(id), skip(runs))]
async fn get_user(id: u64, runs: &Calls) -> User {
    runs.hit();
    User::new(id)
}

#[updates(user_entry(user.id))]
async fn save(user: User) -> Result<User, String> {
    Ok(user)
}

fn named(name: &str) -> User {
    User { id: 1, name: name.to_owned() }
}

/// An instance whose L2 stands still when values are stored behind, what switches that, and what was asked; and another instance.
async fn held() -> (Cache, Chaos, Recording, Cache) {
    let memory = Memory::new();
    let chaos = Chaos::over(memory.clone());
    chaos.only([Operation::FillMany]);
    chaos.hold();
    let recording = Recording::over(chaos.clone());
    let cache = Cache::builder().l2(recording.clone()).l2_deadline(SOON).build().await.expect("a cache");
    (cache, chaos, recording, over(&memory).await)
}

fn queued(cache: &Cache) -> u64 {
    cache.stats().l2.queued_writes
}

async fn peek(cache: &Cache) -> Option<User> {
    cache.scope(async { user_entry(1).peek().await }).await
}

#[tokio::test]
async fn callers_of_a_load_do_not_wait_for_its_store() {
    let (cache, chaos, recording, other) = held().await;
    let runs = Calls::new();
    for _ in 0..2 {
        assert_eq!(cache.scope(get_user(1, &runs)).await, User::new(1));
    }
    assert_eq!((runs.get(), queued(&cache), peek(&other).await), (1, 1, None));
    chaos.heal();
    cache.flush_writes().await;
    assert_eq!((queued(&cache), peek(&other).await), (0, Some(User::new(1))));
    assert_eq!((recording.count(Operation::Fill), cache.stats().l2.writes_given_up), (0, 0));
}

#[tokio::test]
async fn writers_do_not_wait_for_the_store_and_the_older_value_is_gone_at_once() {
    let key = Key::new("direct", &1).expect("a key");
    for way in 0..4 {
        let (cache, chaos, _, other) = held().await;
        other.scope(async { user_entry(1).set(named("old")).await }).await.expect("it can be stored");
        other.set(&key, &named("old"), &BEHIND).await.expect("it can be stored");
        other.flush_writes().await;
        assert_eq!(peek(&cache).await, Some(named("old")));
        cache
            .scope(async {
                match way {
                    0 => user_entry(1).set(named("new")).await,
                    1 => user_entry(1).begin_write().await?.commit(named("new")).await,
                    2 => save(named("new")).await.map(drop).map_err(|_| unreachable!("it does not fail")),
                    _ => cache.set_many([(&key, &named("new"))], &BEHIND).await,
                }
            })
            .await
            .expect("it is told");
        let seen = async |from: &Cache| match way {
            3 => from.get::<User>(&key).await,
            _ => peek(from).await,
        };
        assert_eq!((seen(&cache).await, queued(&cache)), (Some(named("new")), 1), "{way}");
        other.clear_l1();
        assert_eq!(seen(&other).await, None, "{way}: nothing old is left");
        chaos.heal();
        cache.flush_writes().await;
        assert_eq!(seen(&other).await, Some(named("new")), "{way}");
    }
}

#[tokio::test]
async fn the_newest_of_several_writes_is_the_one_that_is_stored() {
    let (cache, chaos, _, other) = held().await;
    for name in ["one", "two", "three"] {
        cache.scope(async { user_entry(1).set(named(name)).await }).await.expect("it is told");
    }
    assert_eq!(queued(&cache), 3);
    chaos.heal();
    cache.flush_writes().await;
    assert_eq!((peek(&other).await, peek(&cache).await), (Some(named("three")), Some(named("three"))));
    assert_eq!(cache.stats().l2.writes_given_up, 0, "what was overwritten did not fail");
}

#[tokio::test]
async fn a_write_begun_while_an_older_value_is_queued_is_stored_over_it() {
    let (cache, chaos, recording, other) = held().await;
    cache.scope(async { user_entry(1).set(named("old")).await }).await.expect("it is told");
    let before = recording.count(Operation::Read);
    let healed = async {
        eventually(|| async { recording.count(Operation::Read) > before }, SOON).await;
        chaos.heal();
    };
    let (write, ()) = join(cache.scope(async { user_entry(1).begin_write().await }), healed).await;
    cache.flush_writes().await;
    assert_eq!(peek(&other).await, Some(named("old")), "it was stored meanwhile");
    write.expect("a cache is current").commit(named("new")).await.expect("it is told");
    cache.flush_writes().await;
    other.clear_l1();
    assert_eq!((peek(&other).await, peek(&cache).await), (Some(named("new")), Some(named("new"))));
}

#[tokio::test]
async fn an_invalidation_voids_what_is_queued() {
    for elsewhere in [false, true] {
        let (cache, chaos, _, other) = held().await;
        let runs = Calls::new();
        cache.scope(get_user(1, &runs)).await;
        let invalidating = if elsewhere { &other } else { &cache };
        invalidating.scope(async { user_entry(1).invalidate().await }).await.expect("it is told");
        chaos.heal();
        cache.flush_writes().await;
        for cache in [&cache, &other] {
            assert_eq!(peek(cache).await, None, "also memory has forgotten it");
        }
        assert_eq!(cache.stats().l2.writes_given_up, 0, "it did not fail");
    }
}

#[tokio::test]
async fn nothing_is_stored_of_what_l2_has_yet_to_be_told_is_invalid() {
    let memory = Memory::new();
    let holds = Chaos::over(memory.clone());
    holds.only([Operation::FillMany]);
    holds.hold();
    let fails = Chaos::over(holds.clone());
    let recording = Recording::over(fails.clone());
    let builder = Cache::builder().l2(recording.clone()).l2_deadline(SOON).l2_breaker_failures(1_000).l2_retries(0);
    let (cache, runs) = (builder.build().await.expect("a cache"), Calls::new());
    cache.scope(get_user(2, &runs)).await;
    eventually(|| async { recording.count(Operation::FillMany) == 1 }, SOON).await;
    cache.scope(get_user(1, &runs)).await;
    fails.only([Operation::Invalidate]);
    fails.fail(ErrorKind::Overloaded);
    let pending = cache.scope(async { user_entry(1).invalidate().await }).await.expect_err("L2 was not told");
    assert_eq!(pending.kind(), ErrorKind::Pending);
    holds.heal();
    cache.flush_writes().await;
    let key = cache.scope(async { user_entry(1).key() }).await.expect("it has a key");
    assert!(!recording.about(&key).contains(&Operation::FillMany), "{:?}", recording.about(&key));
}

#[tokio::test]
async fn a_batch_is_one_round_trip() {
    let (cache, chaos, recording, other) = held().await;
    let keys: Vec<Key> = (0..1_000).map(|id| Key::new("direct", &id).expect("a key")).collect();
    cache.set(&keys[0], &0_u64, &BEHIND).await.expect("it is told");
    eventually(|| async { recording.count(Operation::FillMany) == 1 }, SOON).await;
    for (id, key) in (0..129_u64).zip(&keys) {
        cache.set(key, &id, &BEHIND).await.expect("it is told");
    }
    cache.set_many(keys.iter().zip(&[7_u64; 1_000]), &BEHIND).await.expect("they are told");
    assert_eq!(recording.count(Operation::WriteMany), 1);
    chaos.heal();
    cache.flush_writes().await;
    assert_eq!(
        recording.count(Operation::FillMany),
        1 + 1_129_usize.div_ceil(128),
        "the first, and what came behind it"
    );
    assert!(other.get_many::<u64>(&keys).await.iter().all(|value| *value == Some(7)));
}

#[tokio::test]
async fn what_finds_the_queue_full_is_written_through() {
    let memory = Memory::new();
    let chaos = Chaos::over(memory.clone());
    chaos.only([Operation::FillMany]);
    chaos.hold();
    let builder = Cache::builder().l2(chaos.clone()).l2_deadline(SOON).write_queue(2).write_mode(WriteMode::Behind);
    let (cache, other) = (builder.build().await.expect("a cache"), over(&memory).await);
    let keys: Vec<Key> = (0..4).map(|id| Key::new("direct", &id).expect("a key")).collect();
    for key in &keys {
        cache.set(key, &1_u64, &Policy::new()).await.expect("it can be stored");
    }
    let stats = cache.stats().l2;
    assert_eq!((stats.queued_writes, stats.writes_not_queued), (2, 2));
    assert_eq!(other.get_many::<u64>(&keys).await, [None, None, Some(1), Some(1)]);
    cache.set_many(keys.iter().zip(&[2_u64; 3]), &Policy::new()).await.expect("they can be stored");
    assert_eq!(cache.stats().l2.writes_not_queued, 5, "many are queued together, or not at all");
    chaos.heal();
    cache.flush_writes().await;
    other.clear_l1();
    assert_eq!(other.get_many::<u64>(&keys).await, [Some(2), Some(2), Some(2), Some(1)]);
}

/// Whether it has waited for a lease until that lapsed: 3 s, with a look each 10 to 50 ms.
fn has_waited(cache: &Cache) -> bool {
    cache.stats().total.l2_reads.count >= 60
}

#[tokio::test]
async fn a_value_that_l2_does_not_take_is_given_up_and_its_key_is_free() {
    let (cache, chaos, _, other) = held().await;
    let runs = Calls::new();
    chaos.fail(ErrorKind::Overloaded);
    cache.scope(get_user(1, &runs)).await;
    cache.flush_writes().await;
    let stats = cache.stats();
    assert_eq!((stats.l2.writes_given_up, stats.l2.queued_writes, stats.total.store_failures), (1, 0, 1));
    assert_eq!(peek(&cache).await, Some(User::new(1)), "memory has it");
    other.scope(get_user(1, &runs)).await;
    assert!(!has_waited(&other), "its lease was given back");
    assert_eq!(runs.get(), 2);
}

#[tokio::test]
async fn closing_stores_what_is_queued() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || async {
        let disk = Chaos::over(Embedded::open(folder.path().join("cache")).expect("a file"));
        // So that there is something left to store.
        disk.only([Operation::FillMany]);
        disk.latency(Duration::from_millis(30));
        let builder = Cache::builder().l2(disk).l2_deadline(SOON).write_mode(WriteMode::Behind);
        builder.build().await.expect("a cache")
    };
    let keys: Vec<Key> = (0..500).map(|id| Key::new("direct", &id).expect("a key")).collect();
    let cache = open().await;
    for (id, key) in (0..500_u64).zip(&keys) {
        cache.set(key, &id, &Policy::new()).await.expect("it is told");
    }
    cache.close().await.expect("it can be closed");
    assert_eq!((cache.stats().l2.queued_writes, cache.stats().l2.writes_given_up), (0, 0));
    drop(cache);
    let found = open().await.get_many::<u64>(&keys).await;
    assert_eq!(found.into_iter().flatten().count(), 500);
}

#[tokio::test]
async fn closing_gives_up_what_it_cannot_store_in_time() {
    let memory = Memory::new();
    let chaos = Chaos::over(memory.clone());
    chaos.only([Operation::FillMany]);
    chaos.hold();
    // Longer than `close()` waits, and shorter than it and its last pause together.
    let builder = Cache::builder().l2(chaos.clone()).l2_deadline(Duration::from_millis(1_200)).l2_breaker_failures(99);
    let (cache, runs) = (builder.build().await.expect("a cache"), Calls::new());
    for id in 0..300 {
        cache.scope(get_user(id, &runs)).await;
    }
    cache.close().await.expect("what is given up is no error");
    // On a busy machine it goes on giving back leases after that.
    eventually(async || cache.stats().l2.queued_writes == 0, SOON).await;
    assert_eq!(cache.stats().l2.writes_given_up, 300);
    let other = over(&memory).await;
    other.scope(get_user(299, &runs)).await;
    assert!(!has_waited(&other), "its lease was given back");
}

#[tokio::test]
async fn what_replaces_a_value_that_l2_still_has_is_written_through() {
    let (cache, chaos, recording, _) = held().await;
    let runs = Calls::new();
    chaos.heal();
    cache.scope(get_user(1, &runs)).await;
    cache.flush_writes().await;
    chaos.only([Operation::FillMany]);
    chaos.hold();
    cache.scope(async { get_user(1, &runs).refreshed().await }).await;
    assert_eq!((recording.count(Operation::Fill), queued(&cache), runs.get()), (1, 0, 2));
}

#[tokio::test]
async fn the_mode_is_the_functions_or_the_named_caches_or_the_caches() {
    let (chaos, none) = (Chaos::over(Memory::new()), Policy::new);
    chaos.only([Operation::FillMany]);
    chaos.hold();
    let named = Named::new().write_mode(WriteMode::Through);
    let builder =
        Cache::builder().l2(chaos.clone()).l2_deadline(SOON).named("now", named).write_mode(WriteMode::Behind);
    let cache = builder.build().await.expect("a cache");
    let key = |id: u64| Key::new("direct", &id).expect("a key");
    for (id, policy, waits) in [
        (0, none(), 1),
        (1, none().write_mode(WriteMode::Through), 1),
        (2, none().cache("now"), 1),
        (3, none().cache("now").write_mode(WriteMode::Behind), 2),
    ] {
        cache.set(&key(id), &1_u64, &policy).await.expect("it is told");
        assert_eq!(queued(&cache), waits, "{id}");
    }
}

#[tokio::test]
async fn without_l2_and_without_memory_the_mode_is_no_trouble() {
    let runs = Calls::new();
    let alone = Cache::builder().write_mode(WriteMode::Behind).build().await.expect("a cache");
    assert_eq!(alone.scope(get_user(1, &runs)).await, User::new(1));
    alone.flush_writes().await;
    assert_eq!((peek(&alone).await, queued(&alone)), (Some(User::new(1)), 0));

    let builder = Cache::builder().l2(Memory::new()).l1(L1::disabled()).l2_deadline(SOON);
    let bare = builder.build().await.expect("a cache");
    for _ in 0..2 {
        assert_eq!(bare.scope(get_user(1, &runs)).await, User::new(1));
    }
    assert_eq!(runs.get(), 2, "the second one waited for what was queued");
}

#[tokio::test]
async fn a_queue_without_room_is_refused() {
    let error = Cache::builder().write_queue(0).build().await.expect_err("nothing could wait");
    assert!(error.kind() == ErrorKind::Config && error.to_string().contains("write_queue"), "{error}");
}
