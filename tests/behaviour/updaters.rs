//! `#[updates]` and `begin_write`: what a writer returns is what is read next, or nothing old is.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use serde::{Serialize, Serializer};
use tiercache::{Cache, Embedded, ErrorKind, Memory, Write, cached, entry, updates};
use tiercache_tests::{Calls, eventually, unique_namespace};
use tokio::sync::Notify;

use super::{User, in_memory, over, two_instances};

const SOON: Duration = Duration::from_secs(10);

entry! { fn user_entry(id: u64) -> User; prefix = "user" }
entry! { fn name_entry(name: &str) -> u64; prefix = "name" }
entry! { fn search_entry(term: &str) -> Vec<u64>; prefix = "search:text" }

#[cached(at = user_entry(id), skip(runs))]
async fn get_user(id: u64, runs: &Calls) -> User {
    runs.hit();
    User::new(id)
}

fn named(name: &str) -> User {
    User { id: 1, name: name.to_owned() }
}

/// Fills the cache of the scope with three values.
async fn fill() {
    user_entry(1).set(named("old")).await.expect("it can be stored");
    name_entry("old").set(1).await.expect("it can be stored");
    search_entry("us").set(vec![1]).await.expect("it can be stored");
}

/// The user's name, and which of the two others the cache of the scope has.
async fn kept() -> (Option<String>, bool, bool) {
    let user = user_entry(1).peek().await.map(|user| user.name);
    let name = name_entry("old").peek().await.is_some();
    (user, name, search_entry("us").peek().await.is_some())
}

fn state(user: Option<&str>, name: bool, search: bool) -> (Option<String>, bool, bool) {
    (user.map(str::to_owned), name, search)
}

/// One cache of each kind: memory alone, shared, on disk.
async fn caches() -> (Vec<Cache>, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Embedded::open(folder.path().join("cache")).expect("a file");
    let disk = Cache::builder().l2(disk).l2_deadline(SOON).build().await.expect("nothing is wrong with this");
    (vec![in_memory().await, two_instances().await.0, disk], folder)
}

#[updates(user_entry(id), |user| name_entry(&user.name), name_entry("old"), prefix("search"))]
async fn rename(id: u64, name: &str, fails: bool) -> Result<User, String> {
    assert_eq!(kept().await, state(Some("old"), true, true), "nothing is gone before the body");
    if fails { Err("no such user".to_owned()) } else { Ok(User { id, name: name.to_owned() }) }
}

#[tokio::test]
async fn what_an_updater_returns_is_read_next_and_the_rest_is_gone() {
    let runs = Calls::new();
    for cache in caches().await.0 {
        cache
            .scope(async {
                fill().await;
                assert_eq!(rename(1, "new", false).await, Ok(named("new")));
                assert_eq!(kept().await, state(Some("new"), false, false));
                assert_eq!(get_user(1, &runs).await, named("new"));
                cache.clear_l1();
                get_user(1, &runs).await;
            })
            .await;
    }
    assert_eq!(runs.get(), 1, "only the cache without an L2 has lost it");
}

#[tokio::test]
async fn where_nothing_was_the_value_is_stored_as_well() {
    #[updates(user_entry(1))]
    async fn create() -> User {
        named("new")
    }
    for cache in caches().await.0 {
        cache.scope(create()).await;
        assert_eq!(cache.scope(kept()).await, state(Some("new"), false, false));
    }
}

#[tokio::test]
async fn the_other_instance_reads_the_new_value_without_a_run_of_the_body() {
    let (one, two) = two_instances().await;
    let runs = Calls::new();
    one.scope(fill()).await;
    assert_eq!(two.scope(get_user(1, &runs)).await, named("old"));
    one.scope(rename(1, "new", false)).await.unwrap();
    eventually(|| async { two.scope(get_user(1, &runs)).await == named("new") }, SOON).await;
    assert_eq!(runs.get(), 0);
}

#[tokio::test]
async fn an_error_changes_nothing_and_gives_the_key_back() {
    #[updates(user_entry(1))]
    async fn fail() -> Result<User, String> {
        Err("full".to_owned())
    }
    let runs = Calls::new();
    for cache in caches().await.0 {
        cache
            .scope(async {
                fill().await;
                rename(1, "new", true).await.unwrap_err();
                assert_eq!(kept().await, state(Some("old"), true, true));
                user_entry(1).invalidate().await.unwrap();
                fail().await.unwrap_err();
                get_user(1, &runs).await;
                // A key that was not given back would not be stored in.
                eventually(|| async { cache.stats().total.stores > 3 }, SOON).await;
                assert_eq!(user_entry(1).peek().await, Some(User::new(1)));
            })
            .await;
    }
    assert_eq!(runs.get(), 3);
}

#[tokio::test]
async fn always_invalidates_after_an_error() {
    #[updates(user_entry(1), always)]
    async fn write(fails: bool) -> Result<User, u64> {
        if fails { Err(1) } else { Ok(named("new")) }
    }
    for cache in caches().await.0 {
        for (fails, left) in [(true, None), (false, Some("new"))] {
            cache.scope(fill()).await;
            assert_eq!(cache.scope(write(fails)).await.is_err(), fails);
            assert_eq!(cache.scope(kept()).await, state(left, true, true));
        }
    }
}

#[tokio::test]
async fn no_value_invalidates() {
    type Written<T> = Result<T, String>;
    #[updates(user_entry(1))]
    async fn perhaps(found: bool) -> Option<User> {
        found.then(|| named("new"))
    }
    #[updates(user_entry(1))]
    async fn perhaps_fails(found: bool) -> Written<Option<User>> {
        Ok(found.then(|| named("new")))
    }
    for cache in caches().await.0 {
        for (found, left) in [(true, Some("new")), (false, None)] {
            cache.scope(fill()).await;
            cache.scope(perhaps(found)).await;
            assert_eq!(cache.scope(kept()).await, state(left, true, true));
            cache.scope(fill()).await;
            cache.scope(perhaps_fails(found)).await.unwrap();
            assert_eq!(cache.scope(kept()).await, state(left, true, true));
        }
    }
}

#[tokio::test]
async fn an_entry_of_an_option_keeps_the_option() {
    entry! { fn found_entry(id: u64) -> Option<u64>; prefix = "found" }
    #[updates(found_entry(1))]
    async fn write(found: Option<u64>) -> Option<u64> {
        found
    }
    let cache = in_memory().await;
    for found in [Some(7), None] {
        cache.scope(write(found)).await;
        assert_eq!(cache.scope(async { found_entry(1).peek().await }).await, Some(found));
    }
}

/// Sees, when it is dropped, whether the cache still has everything.
struct Transaction<'a>(&'a Calls);

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if kept().now_or_never() == Some(state(Some("old"), true, true)) {
            self.0.hit();
        }
    }
}

#[updates(user_entry(1), prefix("search"))]
async fn interrupted(panics: bool, begun: &Notify, kept_at_the_end: &Calls) -> Result<User, String> {
    let _transaction = Transaction(kept_at_the_end);
    assert!(!panics, "the disk is full");
    begun.notify_one();
    pending().await
}

#[tokio::test]
async fn a_panic_and_a_drop_in_mid_body_leave_nothing_old() {
    let (runs, begun) = (Calls::new(), Notify::new());
    let (memory, (shared, _)) = (in_memory().await, two_instances().await);
    for cache in [memory, shared] {
        cache.scope(fill()).await;
        AssertUnwindSafe(cache.scope(interrupted(true, &begun, &runs))).catch_unwind().await.unwrap_err();
        eventually(|| async { cache.scope(kept()).await == state(None, true, false) }, SOON).await;
        cache.scope(fill()).await;
        let dropped = cache.scope(async {
            let mut call = Box::pin(interrupted(false, &begun, &runs));
            // The token is asked for first.
            assert!(matches!(select(call.as_mut(), pin!(begun.notified())).await, Either::Right(_)));
            drop(call);
        });
        dropped.await;
        eventually(|| async { cache.scope(kept()).await == state(None, true, false) }, SOON).await;
    }
    assert_eq!(runs.get(), 4, "the body's locals go first");
}

#[tokio::test]
async fn a_value_whose_serialization_panics_leaves_nothing_old() {
    #[derive(Clone, serde::Deserialize)]
    struct Trap(bool);
    impl Serialize for Trap {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            assert!(self.0, "a trap");
            serializer.serialize_newtype_struct("Trap", &self.0)
        }
    }
    entry! { fn trap_entry() -> Trap; prefix = "trap" }
    #[updates(trap_entry())]
    async fn spring() -> Trap {
        Trap(false)
    }
    for cache in caches().await.0 {
        cache.scope(async { trap_entry().set(Trap(true)).await }).await.unwrap();
        AssertUnwindSafe(cache.scope(spring())).catch_unwind().await.err().expect("a panic");
        eventually(|| async { cache.scope(async { trap_entry().peek().await.is_none() }).await }, SOON).await;
    }
}

#[tokio::test]
async fn a_call_that_never_began_changes_nothing() {
    let cache = in_memory().await;
    cache
        .scope(async {
            fill().await;
            drop(rename(1, "new", false));
            assert_eq!(kept().await, state(Some("old"), true, true));
        })
        .await;
}

#[tokio::test]
async fn without_a_cache_only_the_body_runs() {
    #[updates(user_entry(1), |user| user_entry(user.id), prefix("search"), everything, always)]
    async fn write(runs: &Calls) -> Result<User, String> {
        runs.hit();
        Ok(named("new"))
    }
    let runs = Calls::new();
    assert_eq!(write(&runs).await, Ok(named("new")));
    assert_eq!(runs.get(), 1);
}

// Contexts.

struct Repo {
    id: u64,
    writes: usize,
}

trait Writer {
    async fn native(&mut self, name: &str) -> Result<User, String>;
}

#[async_trait]
trait Boxed {
    async fn boxed(&mut self, name: &str) -> Result<User, Box<dyn std::error::Error + Send + Sync>>;
}

impl Repo {
    /// Stays documented.
    #[updates(user_entry(self.id), name_entry("old"))]
    async fn exclusive(&mut self, name: &str) -> Result<User, String> {
        self.writes += 1;
        Ok(named(name))
    }

    #[updates(address)]
    async fn generic<'a, T, const N: usize>(
        &'a self,
        address: tiercache::Entry<T>,
        values: [T; N],
    ) -> Result<T, &'a str>
    where
        T: tiercache::Cacheable,
    {
        drop(address);
        values.into_iter().next().ok_or("empty")
    }
}

impl Writer for Repo {
    #[updates(&user_entry(self.id), prefix("search"))]
    async fn native(&mut self, name: &str) -> Result<User, String> {
        self.writes += 1;
        Ok(named(name))
    }
}

#[async_trait]
impl Boxed for Repo {
    #[updates(user_entry(self.id))]
    async fn boxed(&mut self, name: &str) -> Result<User, Box<dyn std::error::Error + Send + Sync>> {
        self.writes += 1;
        if name.is_empty() {
            return Err("no name".into());
        }
        Ok(named(name))
    }
}

#[tokio::test]
async fn methods_of_every_kind_may_update() {
    let cache = two_instances().await.0;
    cache
        .scope(async {
            let mut repo = Repo { id: 1, writes: 0 };
            fill().await;
            repo.exclusive("a").await.unwrap();
            assert_eq!(kept().await, state(Some("a"), false, true));
            repo.native("b").await.unwrap();
            assert_eq!(kept().await, state(Some("b"), false, false));
            repo.boxed("").await.unwrap_err();
            repo.boxed("c").await.unwrap();
            assert_eq!(kept().await, state(Some("c"), false, false));
            repo.generic(name_entry("d"), [7, 8]).await.unwrap();
            assert_eq!((name_entry("d").peek().await, repo.writes), (Some(7), 4));
        })
        .await;
}

#[test]
fn an_updater_is_send_when_its_body_is() {
    fn sends<T: Send>(_: &T) {}
    sends(&rename(1, "new", true));
    sends(&async { user_entry(1).begin_write().await?.commit(named("new")).await });
}

// By hand.

#[tokio::test]
async fn of_two_writers_that_overlap_the_second_to_commit_leaves_nothing() {
    for cache in caches().await.0 {
        for begun_first in [true, false] {
            cache
                .scope(async {
                    fill().await;
                    let (first, second) = (begin().await, begin().await);
                    let (first, second) = if begun_first { (first, second) } else { (second, first) };
                    first.commit(named("first")).await.unwrap();
                    assert_eq!(kept().await.0.as_deref(), Some("first"));
                    second.commit(named("second")).await.unwrap();
                    assert_eq!(kept().await.0, None);
                })
                .await;
        }
    }
}

async fn begin() -> Write<User> {
    user_entry(1).begin_write().await.unwrap()
}

#[tokio::test]
async fn what_was_removed_since_the_token_stays_removed() {
    for cache in caches().await.0 {
        cache
            .scope(async {
                for by_prefix in [true, false] {
                    fill().await;
                    let write = begin().await;
                    let removed = if by_prefix {
                        cache.invalidate_prefix("user").await
                    } else {
                        user_entry(1).invalidate().await
                    };
                    removed.unwrap();
                    write.commit(named("new")).await.unwrap();
                    assert_eq!(kept().await.0, None, "by prefix: {by_prefix}");
                }
            })
            .await;
    }
}

#[tokio::test]
async fn a_write_that_is_cancelled_leaves_what_was_and_a_dropped_one_nothing() {
    for cache in caches().await.0 {
        cache
            .scope(async {
                fill().await;
                begin().await.cancel();
                assert_eq!(kept().await.0.as_deref(), Some("old"));
                drop(begin().await);
                eventually(|| async { kept().await.0.is_none() }, SOON).await;
            })
            .await;
    }
}

#[tokio::test]
async fn a_load_that_began_before_the_commit_is_not_kept() {
    #[cached(at = user_entry(id), skip(during))]
    async fn read(id: u64, during: impl Future<Output = ()>) -> User {
        during.await;
        User::new(id)
    }
    for cache in caches().await.0 {
        cache
            .scope(async {
                let write = async { begin().await.commit(named("new")).await.unwrap() };
                assert_eq!(read(1, write).await, User::new(1), "its caller gets what it has read");
                assert!(kept().await.0.is_none_or(|name| name == "new"));
            })
            .await;
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_stored_invalidates() {
    let l2 = Memory::new();
    let namespace = unique_namespace();
    let builder = Cache::builder().namespace(namespace).l2(l2).l2_deadline(SOON).max_value_bytes(1_000);
    let cache = builder.build().await.unwrap();
    cache
        .scope(async {
            fill().await;
            begin().await.commit(named(&"x".repeat(2_000))).await.unwrap();
            assert_eq!(kept().await.0, None);
        })
        .await;
}

#[tokio::test]
async fn closed_the_writer_goes_on_and_memory_forgets() {
    let cache = over(&Memory::new()).await;
    cache
        .scope(async {
            fill().await;
            cache.close().await.unwrap();
            assert_eq!(begin().await.commit(named("new")).await.unwrap_err().kind(), ErrorKind::NotInstalled);
            assert_eq!(kept().await.0, None);
        })
        .await;
}
