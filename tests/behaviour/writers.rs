//! `#[invalidates]`: what a writer names is gone when it has written, or may have, and the writer is the function it was.

use std::fmt::Display;
use std::future::pending;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use tiercache::{Cache, Entry, Redis, cached, entry, invalidates};
use tiercache_tests::{Calls, RedisServer, eventually, unique_namespace};

use super::{User, in_memory, two_instances};

const SOON: Duration = Duration::from_secs(10);

entry! { fn user_entry(id: u64) -> User; prefix = "user" }
entry! { fn name_entry(name: &str) -> u64; prefix = "name" }
entry! { fn search_entry(term: &str) -> Vec<u64>; prefix = "search:text" }

/// Fills the cache of the scope with three values.
async fn fill() {
    user_entry(1).set(User::new(1)).await.expect("it can be stored");
    name_entry("user 1").set(1).await.expect("it can be stored");
    search_entry("us").set(vec![1]).await.expect("it can be stored");
}

/// Which of the three the cache of the scope has.
async fn kept() -> (bool, bool, bool) {
    let user = user_entry(1).peek().await.is_some();
    let name = name_entry("user 1").peek().await.is_some();
    (user, name, search_entry("us").peek().await.is_some())
}

const ALL: (bool, bool, bool) = (true, true, true);

#[invalidates(user_entry(user.id), prefix("search"))]
async fn rename(user: User, fails: bool) -> Result<User, String> {
    assert_eq!(kept().await, ALL, "nothing is gone before the body");
    if fails { Err("no such user".to_owned()) } else { Ok(user) }
}

#[tokio::test]
async fn what_a_writer_names_is_gone_from_both_tiers_when_it_has_returned_ok() {
    let (one, two) = two_instances().await;
    one.scope(async {
        fill().await;
        assert_eq!(rename(User::new(1), false).await, Ok(User::new(1)));
        assert_eq!(kept().await, (false, true, false));
    })
    .await;
    assert_eq!(two.scope(kept()).await, (false, true, false));
}

#[tokio::test]
async fn the_other_instance_forgets_what_it_has_in_memory() {
    let (one, two) = two_instances().await;
    one.scope(fill()).await;
    assert_eq!(two.scope(kept()).await, ALL);
    one.scope(rename(User::new(1), false)).await.unwrap();
    eventually(|| async { two.scope(kept()).await == (false, true, false) }, SOON).await;
}

#[tokio::test]
async fn nothing_is_invalidated_by_an_error() {
    let cache = in_memory().await;
    cache
        .scope(async {
            fill().await;
            rename(User::new(1), true).await.unwrap_err();
            assert_eq!(kept().await, ALL);
        })
        .await;
}

#[tokio::test]
async fn always_is_after_an_error_too() {
    #[invalidates(always, user_entry(id))]
    async fn rename(id: u64, fails: bool) -> Result<(), u64> {
        if fails { Err(id) } else { Ok(()) }
    }
    let cache = in_memory().await;
    for fails in [true, false] {
        cache
            .scope(async {
                fill().await;
                assert_eq!(rename(1, fails).await.is_err(), fails);
                assert_eq!(kept().await, (false, true, true));
            })
            .await;
    }
}

#[tokio::test]
async fn whatever_is_no_result_is_a_success() {
    #[invalidates(user_entry(1))]
    async fn perhaps(found: bool) -> Option<()> {
        found.then_some(())
    }
    #[invalidates(user_entry(1))]
    async fn nothing() {}
    let cache = in_memory().await;
    cache
        .scope(async {
            for found in [true, false] {
                fill().await;
                perhaps(found).await;
                assert_eq!(kept().await, (false, true, true));
            }
            fill().await;
            nothing().await;
            assert_eq!(kept().await, (false, true, true));
        })
        .await;
}

#[tokio::test]
async fn an_error_is_found_by_type_behind_an_alias() {
    type Written<T = ()> = Result<T, u8>;
    #[invalidates(user_entry(1))]
    async fn fail() -> Written {
        Err(1)
    }
    let cache = in_memory().await;
    cache
        .scope(async {
            fill().await;
            fail().await.unwrap_err();
            assert_eq!(kept().await, ALL);
        })
        .await;
}

/// Sees, when it is dropped, whether the cache still has everything.
struct Transaction<'a>(&'a Calls);

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if kept().now_or_never() == Some(ALL) {
            self.0.hit();
        }
    }
}

#[tokio::test]
async fn a_panic_of_the_body_invalidates() {
    #[invalidates(user_entry(1), |()| name_entry("user 1"))]
    async fn burst(kept_at_the_end: &Calls) -> Result<(), ()> {
        let _transaction = Transaction(kept_at_the_end);
        panic!("the disk is full");
    }
    let runs = Calls::new();
    let (memory, (shared, _)) = (in_memory().await, two_instances().await);
    for cache in [memory, shared] {
        cache.scope(fill()).await;
        let output = std::panic::AssertUnwindSafe(cache.scope(burst(&runs))).catch_unwind().await;
        output.unwrap_err();
        eventually(|| async { cache.scope(kept()).await == (false, true, true) }, SOON).await;
    }
    assert_eq!(runs.get(), 2, "the body's locals go first");
}

#[tokio::test]
async fn a_drop_in_mid_body_invalidates() {
    #[invalidates(user_entry(1), prefix("search"))]
    async fn hang(kept_at_the_end: &Calls) -> Result<(), ()> {
        let _transaction = Transaction(kept_at_the_end);
        pending().await
    }
    let runs = Calls::new();
    let (memory, (shared, _)) = (in_memory().await, two_instances().await);
    for cache in [memory, shared] {
        cache.scope(fill()).await;
        {
            let scope = cache.scope(async {
                let mut call = Box::pin(hang(&runs));
                assert!(futures_util::poll!(call.as_mut()).is_pending());
                assert_eq!(kept().await, ALL, "not before it is known");
                drop(call);
            });
            scope.await;
        }
        eventually(|| async { cache.scope(kept()).await == (false, true, false) }, SOON).await;
    }
    assert_eq!(runs.get(), 2, "the body's locals go first");
}

#[tokio::test]
async fn a_call_that_never_began_invalidates_nothing() {
    let cache = in_memory().await;
    cache
        .scope(async {
            fill().await;
            drop(rename(User::new(1), false));
            assert_eq!(kept().await, ALL);
        })
        .await;
}

#[tokio::test]
async fn a_closure_sees_the_value() {
    #[invalidates(|user| user_entry(user.id), prefix("search"), |user: &User| [name_entry(&user.name), name_entry("x")])]
    async fn create(id: u64, fails: bool) -> Result<User, String> {
        if fails { Err("full".to_owned()) } else { Ok(User::new(id)) }
    }
    let cache = in_memory().await;
    cache
        .scope(async {
            fill().await;
            create(1, true).await.unwrap_err();
            assert_eq!(kept().await, ALL);
            create(1, false).await.unwrap();
            assert_eq!(kept().await, (false, false, false));
        })
        .await;
}

#[tokio::test]
async fn several_addresses_may_be_listed() {
    #[invalidates(addresses, &user_entry(1), [name_entry("user 1")], Some(name_entry("x")))]
    async fn remove(addresses: Vec<Entry<Vec<u64>>>) {
        drop(addresses);
    }
    let cache = in_memory().await;
    cache
        .scope(async {
            fill().await;
            remove(vec![search_entry("a"), search_entry("us")]).await;
            assert_eq!(kept().await, (false, false, false));
        })
        .await;
}

#[tokio::test]
async fn everything_is_the_whole_namespace() {
    #[invalidates(everything)]
    async fn import() {}
    let (one, two) = two_instances().await;
    one.scope(async {
        fill().await;
        import().await;
        assert_eq!(kept().await, (false, false, false));
    })
    .await;
    assert_eq!(two.scope(kept()).await, (false, false, false));
}

#[tokio::test]
async fn a_load_that_began_before_the_writer_ended_is_not_kept() {
    #[cached(at = user_entry(id), skip(during))]
    async fn read(id: u64, during: impl Future<Output = ()>) -> User {
        during.await;
        User::new(id)
    }
    #[invalidates(user_entry(1))]
    async fn write() {}
    let cache = in_memory().await;
    cache
        .scope(async {
            read(1, write()).await;
            assert_eq!(user_entry(1).peek().await, None);
        })
        .await;
}

#[tokio::test]
async fn an_address_is_invalidated_in_the_cache_it_was_made_in() {
    #[invalidates(address, name_entry("user 1"))]
    async fn remove(address: Entry<User>) {
        drop(address);
    }
    let (one, two) = (in_memory().await, in_memory().await);
    one.scope(fill()).await;
    two.scope(fill()).await;
    let address = one.scope(async { user_entry(1) }).await;
    two.scope(remove(address)).await;
    assert_eq!(one.scope(kept()).await, (false, true, true));
    assert_eq!(two.scope(kept()).await, (true, false, true));
}

#[tokio::test]
async fn without_a_cache_only_the_body_runs() {
    #[invalidates(user_entry(1), |id| user_entry(*id), prefix("search"), everything, always)]
    async fn write(runs: &Calls) -> Result<u64, String> {
        runs.hit();
        Ok(4)
    }
    let runs = Calls::new();
    assert_eq!(write(&runs).await, Ok(4));
    assert_eq!(runs.get(), 1);
}

#[tokio::test]
async fn an_invalidation_that_fails_leaves_the_output_and_is_counted() {
    #[invalidates(user_entry(1))]
    async fn write() -> Result<u64, String> {
        Ok(4)
    }
    let mut server = RedisServer::start().await;
    let cache =
        Cache::builder().namespace(unique_namespace()).l2(Redis::new(server.url()).unwrap()).build().await.unwrap();
    cache.scope(fill()).await;
    server.kill().await;
    assert_eq!(cache.scope(write()).await, Ok(4));
    let errors = cache.stats().l2_errors;
    assert!(errors.iter().any(|(_, count)| *count > 0), "{errors:?}");
}

#[tokio::test]
async fn a_writer_waits_until_l2_is_told() {
    #[invalidates(user_entry(1))]
    async fn write() {}
    let server = RedisServer::start().await;
    let l2 = Redis::new(server.url()).unwrap();
    let cache = Cache::builder().namespace(unique_namespace()).l2(l2).l2_deadline(SOON).build().await.unwrap();
    cache.scope(fill()).await;
    server.pause();
    let mut call = Box::pin(cache.scope(write()));
    assert!(futures_util::poll!(call.as_mut()).is_pending());
    server.resume();
    call.await;
    assert_eq!(cache.scope(kept()).await, (false, true, true));
}

// Contexts.

struct Repo {
    id: u64,
    writes: usize,
}

trait Writer {
    type Name: Display + Send + Sync;
    async fn native(&mut self, name: &Self::Name) -> Result<(), String>;
}

#[async_trait]
trait Boxed {
    async fn shared(&self, name: &str) -> Result<u64, String>;
    async fn exclusive(&mut self) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

impl Repo {
    /// Stays documented.
    #[invalidates(user_entry(self.id))]
    async fn exclusive(&mut self) -> Result<&mut usize, String> {
        self.writes += 1;
        Ok(&mut self.writes)
    }

    #[invalidates(user_entry(self.id), |repo| user_entry(repo.id))]
    async fn consumed(mut self) -> Result<Self, Box<dyn std::error::Error>> {
        if self.id == 0 {
            return Err("none".into());
        }
        self.writes += "1".parse::<usize>()?;
        Ok(self)
    }

    #[invalidates(user_entry(id.clone().into()), |value: &T| name_entry(&value.to_string()))]
    async fn generic<'a, T, const N: usize>(&'a self, id: impl Into<u64> + Clone, values: [T; N]) -> Result<T, &'a str>
    where
        T: Display,
    {
        let _: u64 = id.into();
        values.into_iter().next().ok_or("empty")
    }
}

impl Writer for Repo {
    type Name = String;

    #[invalidates(user_entry(self.id), name_entry(name))]
    async fn native(&mut self, name: &String) -> Result<(), String> {
        self.writes += name.len();
        Ok(())
    }
}

#[async_trait]
impl Boxed for Repo {
    #[invalidates(user_entry(self.id), name_entry(name))]
    async fn shared(&self, name: &str) -> Result<u64, String> {
        tokio::task::yield_now().await;
        name.parse().or(Ok(self.id))
    }

    #[invalidates(user_entry(self.id))]
    async fn exclusive(&mut self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.writes += 1;
        Err("no".parse::<u64>().map(drop).unwrap_err())?
    }
}

#[tokio::test]
async fn methods_of_every_kind_may_write() {
    let cache = in_memory().await;
    cache
        .scope(async {
            let mut repo = Repo { id: 1, writes: 0 };
            fill().await;
            assert_eq!(repo.exclusive().await, Ok(&mut 1));
            assert_eq!(kept().await, (false, true, true));
            fill().await;
            repo.native(&"user 1".to_owned()).await.unwrap();
            assert_eq!((kept().await, repo.writes), ((false, false, true), 7));
            fill().await;
            assert_eq!(repo.shared("user 1").await, Ok(1));
            assert_eq!(kept().await, (false, false, true));
            fill().await;
            Boxed::exclusive(&mut repo).await.unwrap_err();
            assert_eq!((kept().await, repo.writes), (ALL, 8));
            assert_eq!(repo.generic(1_u32, ["user 1"]).await, Ok("user 1"));
            assert_eq!(kept().await, (false, false, true));
            fill().await;
            assert_eq!(repo.consumed().await.map(|repo| repo.writes).ok(), Some(9));
            assert_eq!(kept().await, (false, true, true));
        })
        .await;
}

#[test]
fn a_writer_is_send_when_its_body_is() {
    fn sends<T: Send>(_: &T) {}
    sends(&rename(User::new(1), true));
    sends(&Repo { id: 1, writes: 0 }.consumed_by_name("x"));
}

impl Repo {
    #[invalidates(user_entry(self.id), |id| user_entry(*id), always)]
    async fn consumed_by_name(self, name: &str) -> Result<u64, String> {
        tokio::task::yield_now().await;
        name.parse().map_err(|_| self.writes.to_string())
    }
}

#[tokio::test]
async fn no_name_of_the_expansion_can_be_seen_or_stand_in_the_way() {
    #[invalidates(user_entry(__body + __writes + __shape))]
    async fn write(__body: u64, __writes: u64, __shape: u64) -> u64 {
        #[allow(dead_code)]
        enum Option {
            Some,
            None,
        }
        __body + __writes + __shape
    }
    let cache = in_memory().await;
    cache
        .scope(async {
            fill().await;
            assert_eq!(write(1, 0, 0).await, 1);
            assert_eq!(kept().await, (false, true, true));
        })
        .await;
}

#[tokio::test]
async fn two_attributes_on_one_function_both_hold() {
    #[invalidates(user_entry(1))]
    #[invalidates(name_entry("user 1"))]
    async fn write() {}
    let cache = in_memory().await;
    cache
        .scope(async {
            fill().await;
            write().await;
            assert_eq!(kept().await, (false, false, true));
        })
        .await;
}
