//! What an attribute says about a value.

use std::time::Duration;

use tiercache::{Codec, Memory, cached};
use tiercache_tests::Calls;
use tokio::time::advance;

use super::{User, in_memory, over, two_instances};

#[tokio::test]
async fn none_is_not_kept_unless_asked() {
    #[cached(skip(runs))]
    async fn find(id: u64, runs: &Calls) -> Option<User> {
        runs.hit();
        None
    }
    let (cache, runs) = (in_memory().await, Calls::new());
    cache.scope(async { (find(1, &runs).await, find(1, &runs).await) }).await;
    assert_eq!(runs.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn none_is_kept_for_its_own_life() {
    #[cached(ttl = 300, none_ttl = 30, skip(runs))]
    async fn find(id: u64, runs: &Calls) -> Result<Option<User>, String> {
        runs.hit();
        Ok((id == 1).then(|| User::new(id)))
    }
    let (cache, runs) = (in_memory().await, Calls::new());
    cache
        .scope(async {
            for id in [1, 2, 1, 2] {
                find(id, &runs).await.unwrap();
            }
            assert_eq!(runs.get(), 2);
            advance(Duration::from_secs(30)).await;
            assert_eq!(find(2, &runs).await, Ok(None));
            assert_eq!(find(1, &runs).await, Ok(Some(User::new(1))));
            assert_eq!(runs.get(), 3);
        })
        .await;
}

#[tokio::test]
async fn a_kept_none_is_found_by_other_instances() {
    #[cached(none_ttl = 30, skip(runs))]
    async fn find(id: u64, runs: &Calls) -> Option<User> {
        runs.hit();
        None
    }
    let (one, two) = two_instances().await;
    let runs = Calls::new();
    assert_eq!(one.scope(find(1, &runs)).await, None);
    assert_eq!(two.scope(find(1, &runs)).await, None);
    assert_eq!((runs.get(), two.stats().total.l2_hits), (1, 1));
}

#[tokio::test]
async fn a_value_is_kept_only_if_the_condition_holds() {
    #[cached(cache_if = |user| user.id > 10, skip(runs))]
    async fn find(id: u64, runs: &Calls) -> Option<User> {
        runs.hit();
        Some(User::new(id))
    }
    let (cache, runs) = (in_memory().await, Calls::new());
    cache
        .scope(async {
            for id in [1, 1, 11, 11] {
                find(id, &runs).await;
            }
        })
        .await;
    assert_eq!(runs.get(), 3);
}

#[tokio::test]
async fn another_version_is_a_miss_and_overwritten() {
    mod old {
        #[tiercache::cached(version = 1, id = "policy.versioned", prefix = "versioned")]
        pub(super) async fn find(id: u64) -> String {
            format!("old {id}")
        }
    }
    let l2 = Memory::new();
    over(&l2).await.scope(old::find(1)).await;
    tiercache::entry! { fn new_entry(id: u64) -> String; version = 2, id = "policy.versioned", prefix = "versioned" }
    #[cached(at = new_entry(id))]
    async fn find(id: u64) -> String {
        format!("new {id}")
    }
    let cache = over(&l2).await;
    assert_eq!(cache.scope(find(1)).await, "new 1");
    assert_eq!(cache.stats().rejected["other_version"], 1);
    assert_eq!(over(&l2).await.scope(async { new_entry(1).peek().await }).await.as_deref(), Some("new 1"));
}

#[tokio::test]
async fn every_codec_brings_values_back() {
    #[cached(codec = "bincode")]
    async fn by_bincode(id: u64) -> User {
        User::new(id)
    }
    #[cached(codec = "postcard")]
    async fn by_postcard(id: u64) -> User {
        User::new(id)
    }
    #[cached(codec = "json")]
    async fn by_json(id: u64) -> User {
        User::new(id)
    }
    let (one, two) = two_instances().await;
    for cache in [&one, &two] {
        let users = cache.scope(async { [by_bincode(1).await, by_postcard(1).await, by_json(1).await] }).await;
        assert_eq!(users, [User::new(1), User::new(1), User::new(1)]);
    }
    assert_eq!(two.stats().total.l2_hits, 3);
}

#[tokio::test]
async fn the_caches_codec_is_the_default() {
    #[cached]
    async fn find(id: u64) -> User {
        User::new(id)
    }
    let l2 = Memory::new();
    let deadline = Duration::from_secs(10);
    let build = |codec| tiercache::Cache::builder().codec(codec).l2(l2.clone()).l2_deadline(deadline).build();
    build(Codec::Json).await.unwrap().scope(find(1)).await;
    let other = build(Codec::Postcard).await.unwrap();
    other.scope(find(1)).await;
    assert_eq!(other.stats().total.l2_hits, 1, "an envelope says which codec it is of");
}

#[tokio::test]
async fn a_key_of_expressions_is_all_that_counts() {
    struct Tenant {
        id: u64,
        runs: Calls,
    }
    impl Tenant {
        #[cached(key = (self.id, user.id))]
        async fn greet(&self, user: &User) -> String {
            self.runs.hit();
            format!("{} of {}", user.name, self.id)
        }
    }
    let (cache, runs) = (in_memory().await, Calls::new());
    let (one, two) = (Tenant { id: 1, runs: runs.clone() }, Tenant { id: 2, runs: runs.clone() });
    let renamed = User { id: 1, name: "renamed".into() };
    cache
        .scope(async {
            assert_eq!(one.greet(&User::new(1)).await, "user 1 of 1");
            assert_eq!(one.greet(&renamed).await, "user 1 of 1");
            assert_eq!(two.greet(&renamed).await, "renamed of 2");
            one.greet_entry(&renamed).invalidate().await.unwrap();
            assert_eq!(one.greet(&renamed).await, "renamed of 1");
        })
        .await;
    assert_eq!(runs.get(), 3);
}
