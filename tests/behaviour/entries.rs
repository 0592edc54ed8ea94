//! The companion: a typed address.

use tiercache::{CallExt, Entry, Source, cached, entry};
use tiercache_tests::Calls;

use super::{User, in_memory, two_instances};

#[cached(prefix = "user", skip(runs))]
async fn find(id: u64, runs: &Calls) -> Option<User> {
    runs.hit();
    (id < 100).then(|| User::new(id))
}

#[tokio::test]
async fn peek_looks_in_both_tiers_and_never_loads() {
    let (one, two) = two_instances().await;
    let runs = Calls::new();
    assert_eq!(one.scope(async { find_entry(1).peek().await }).await, None);
    one.scope(find(1, &runs)).await;
    assert_eq!(one.scope(async { find_entry(1).peek().await }).await, Some(User::new(1)));
    assert_eq!(two.scope(async { find_entry(1).peek().await }).await, Some(User::new(1)));
    assert_eq!(runs.get(), 1);
}

#[tokio::test]
async fn set_is_what_the_function_answers() {
    let (one, two) = two_instances().await;
    let runs = Calls::new();
    let renamed = User { id: 1, name: "renamed".into() };
    one.scope(find(1, &runs)).await;
    one.scope(async { find_entry(1).set(renamed.clone()).await }).await.unwrap();
    for cache in [one, two] {
        assert_eq!(cache.scope(find(1, &runs)).await, Some(renamed.clone()));
    }
    assert_eq!(runs.get(), 1);
}

#[tokio::test]
async fn invalidate_removes_from_both_tiers() {
    let (one, two) = two_instances().await;
    let runs = Calls::new();
    one.scope(find(1, &runs)).await;
    one.scope(async { find_entry(1).invalidate().await }).await.unwrap();
    assert_eq!(one.scope(async { find_entry(1).peek().await }).await, None);
    assert_eq!(two.scope(async { find_entry(1).peek().await }).await, None);
    one.scope(find(1, &runs)).await;
    assert_eq!(runs.get(), 2);
}

#[tokio::test]
async fn the_key_shows_namespace_and_prefix_and_hides_the_argument() {
    #[cached(prefix = "secret")]
    async fn by_token(token: &str) -> u64 {
        token.len() as u64
    }
    let cache = tiercache::Cache::builder().namespace("shop").build().await.unwrap();
    cache.scope(by_token("hunter2")).await;
    let key = cache.scope(async { by_token_entry("hunter2").key() }).await.unwrap();
    assert!(key.starts_with("shop:secret:") && key.len() == "shop:secret:".len() + 64, "{key}");
    assert!(!key.contains("hunter2"));
}

entry! {
    /// Where a user is.
    fn user_entry(id: u64) -> User; prefix = "shared", ttl = 300
}

trait Users {
    async fn by_id(&self, id: u64) -> Result<User, String>;
}

struct Pg(Calls);

impl Users for Pg {
    #[cached(at = user_entry(id), skip(self))]
    async fn by_id(&self, id: u64) -> Result<User, String> {
        self.0.hit();
        Ok(User::new(id))
    }
}

#[cached(at = user_entry(id), skip(runs))]
async fn another_reader(id: u64, runs: &Calls) -> User {
    runs.hit();
    User::new(id)
}

#[tokio::test]
async fn several_readers_share_a_declared_address() {
    let (cache, runs) = (in_memory().await, Calls::new());
    let users = Pg(runs.clone());
    cache
        .scope(async {
            assert_eq!(users.by_id(1).await, Ok(User::new(1)));
            let (answer, outcome) = another_reader(1, &runs).with_outcome().await;
            assert_eq!((answer, outcome.unwrap().source()), (User::new(1), Source::L1));
            let entry: Entry<User> = user_entry(1);
            entry.invalidate().await.unwrap();
            another_reader(1, &runs).await;
        })
        .await;
    assert_eq!(runs.get(), 2);
}

#[tokio::test]
async fn an_address_keeps_its_cache() {
    let (one, two) = (in_memory().await, in_memory().await);
    let entry = one.scope(async { user_entry(9) }).await;
    two.scope(async { entry.set(User::new(9)).await }).await.unwrap();
    assert_eq!(one.scope(async { user_entry(9).peek().await }).await, Some(User::new(9)));
    assert_eq!(two.scope(async { user_entry(9).peek().await }).await, None);
}
