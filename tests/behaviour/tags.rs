//! What the tags of an entry promise.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tiercache::{Cache, CallExt, Source, cached, entry, invalidates};
use tiercache_tests::{Calls, eventually};
use tokio::sync::Notify;

use super::{User, in_memory, two_instances};

/// Longer than `max_staleness`, by which an instance has heard of everything.
const SOON: Duration = Duration::from_secs(10);

#[cached(prefix = "posts", skip(runs), tags("user:{author}", "posts"))]
async fn posts(author: u64, page: u64, runs: &Calls) -> usize {
    let _ = (author, page);
    runs.hit()
}

#[cached(prefix = "stranger", skip(runs))]
async fn untagged(author: u64, runs: &Calls) -> usize {
    let _ = author;
    runs.hit()
}

/// Calls for two authors, two pages each, and what has no tags; gives how many bodies ran.
async fn call_all(cache: &Cache) -> usize {
    let runs = Calls::new();
    cache
        .scope(async {
            for author in 1..=2 {
                posts(author, 1, &runs).await;
                posts(author, 2, &runs).await;
                untagged(author, &runs).await;
            }
        })
        .await;
    runs.get()
}

#[tokio::test]
async fn a_tag_is_invalidated_in_memory_and_what_carries_others_stays() {
    let cache = in_memory().await;
    assert_eq!((call_all(&cache).await, call_all(&cache).await), (6, 0));
    cache.invalidate_tags(["user:1"]).await.unwrap();
    assert_eq!((call_all(&cache).await, call_all(&cache).await), (2, 0));
    cache.invalidate_tags(["posts".to_owned()]).await.unwrap();
    assert_eq!(call_all(&cache).await, 4);
    cache.invalidate_tags(["user:3", "post", "user:"]).await.unwrap();
    cache.invalidate_tags(Vec::<u64>::new()).await.unwrap();
    assert_eq!(call_all(&cache).await, 0);
    let id = 2;
    cache.invalidate_tags([format_args!("user:{id}")]).await.unwrap();
    assert_eq!(call_all(&cache).await, 2);
}

#[tokio::test]
async fn a_tag_is_invalidated_in_l2_and_on_every_instance() {
    let (one, two) = two_instances().await;
    assert_eq!((call_all(&one).await, call_all(&two).await), (6, 0));
    one.invalidate_tags(["user:1"]).await.unwrap();
    one.clear_l1();
    assert_eq!(call_all(&one).await, 2, "gone from L2");
    let runs = Calls::new();
    let heard = async || two.scope(posts(1, 1, &runs).with_outcome()).await.1.unwrap().source() == Source::L2;
    eventually(heard, SOON).await;
    assert_eq!((call_all(&two).await, runs.get()), (0, 0), "it has what the other one loaded");
}

/// Its first run waits.
#[cached(prefix = "gated", skip(gate, runs), tags("gated:{id}"))]
async fn gated(id: u64, gate: Arc<Notify>, runs: Calls) -> usize {
    let _ = id;
    let nth = runs.hit();
    if nth == 1 {
        gate.notified().await;
    }
    nth
}

#[tokio::test]
async fn a_load_begun_before_a_tags_invalidation_is_kept_nowhere() {
    let shared = two_instances().await;
    for (one, two) in [(in_memory().await, None), (shared.0, Some(shared.1))] {
        let (gate, runs) = (Arc::new(Notify::new()), Calls::new());
        let call = || gated(1, Arc::clone(&gate), runs.clone());
        let mut early = Box::pin(one.scope(call()));
        while runs.get() == 0 {
            assert!(futures_util::poll!(early.as_mut()).is_pending());
            tokio::task::yield_now().await;
        }
        one.invalidate_tags(["gated:1"]).await.unwrap();
        gate.notify_one();
        assert_eq!(early.await, 1, "the caller gets what it asked for");
        assert_eq!(one.scope(async { gated_entry(1).peek().await }).await, None, "in neither tier");
        if let Some(two) = two {
            assert_eq!(two.scope(async { gated_entry(1).peek().await }).await, None);
        }
        assert_eq!(one.scope(call()).await, 2, "and nobody else gets it");
    }
}

#[tokio::test]
async fn a_load_begun_before_a_tags_invalidation_is_joined_by_nobody_who_comes_after() {
    let (cache, gate, runs) = (in_memory().await, Arc::new(Notify::new()), Calls::new());
    let call = || cache.scope(gated(1, Arc::clone(&gate), runs.clone()));
    let mut early = Box::pin(call());
    let mut with_it = Box::pin(call());
    assert!(futures_util::poll!(early.as_mut()).is_pending() && futures_util::poll!(with_it.as_mut()).is_pending());
    cache.invalidate_tags(["gated:2"]).await.unwrap();
    let mut joins = Box::pin(call());
    assert!(futures_util::poll!(joins.as_mut()).is_pending(), "another tag's invalidation is no reason not to");
    cache.invalidate_tags(["gated:1"]).await.unwrap();
    let after = futures_util::poll!(Box::pin(call()).as_mut());
    assert_eq!(after, Poll::Ready(2), "a load of its own, while the old one is under way");
    assert_eq!(call().await, 2, "which is kept");
    gate.notify_one();
    assert_eq!((early.await, with_it.await, joins.await), (1, 1, 1), "who came before gets what was loaded then");
    assert_eq!(call().await, 2, "and it does not take the younger one's place");
}

#[tokio::test]
async fn those_who_come_after_a_tags_invalidation_share_one_load() {
    #[cached(skip(gate, runs), tags("herd"))]
    async fn herd(gate: Arc<Notify>, runs: Calls) -> usize {
        let nth = runs.hit();
        gate.notified().await;
        nth
    }
    let (cache, gate, runs) = (in_memory().await, Arc::new(Notify::new()), Calls::new());
    let call = || Box::pin(cache.scope(herd(Arc::clone(&gate), runs.clone())));
    let mut early = call();
    assert!(futures_util::poll!(early.as_mut()).is_pending());
    cache.invalidate_tags(["herd"]).await.unwrap();
    let mut later = [call(), call(), call()];
    for call in &mut later {
        assert!(futures_util::poll!(call.as_mut()).is_pending());
    }
    assert_eq!(runs.get(), 2);
    gate.notify_waiters();
    assert_eq!(early.await, 1);
    for call in later {
        assert_eq!(call.await, 2);
    }
}

entry! {
    /// Where a user is.
    fn user_entry(id: u64, team: &str) -> User;
    prefix = "user", tags("team:{team}", format!("user:{id}"))
}

#[cached(at = user_entry(id, team), skip(runs))]
async fn user(id: u64, team: &str, runs: &Calls) -> User {
    runs.hit();
    User { id, name: team.to_owned() }
}

#[tokio::test]
async fn an_address_has_the_tags_of_its_values() {
    let ((one, two), runs) = (two_instances().await, Calls::new());
    for tag in ["team:red", "user:1"] {
        let loaded = one.scope(user(1, "red", &runs)).await;
        let other = one.scope(user(2, "blue", &runs)).await;
        assert_eq!(two.scope(async { user_entry(1, "red").peek().await }).await, Some(loaded), "read under its tags");
        one.invalidate_tags([tag]).await.unwrap();
        assert_eq!(one.scope(async { user_entry(1, "red").peek().await }).await, None);
        assert_eq!(one.scope(async { user_entry(2, "blue").peek().await }).await, Some(other));
        one.scope(async { user_entry(1, "red").set(User::new(7)).await }).await.unwrap();
        assert_eq!(one.scope(user(1, "red", &runs)).await, User::new(7));
        one.invalidate_tags([tag]).await.unwrap();
        one.clear_l1();
        assert_eq!(one.scope(async { user_entry(1, "red").peek().await }).await, None, "what was set has them too");
    }
    assert_eq!(runs.get(), 3);
}

#[invalidates(tags("user:{id}", format!("team:{team}")))]
async fn rename(id: u64, team: String, fails: bool) -> Result<(), String> {
    drop(team);
    if fails { Err(id.to_string()) } else { Ok(()) }
}

#[tokio::test]
async fn a_writer_invalidates_tags_when_it_has_written() {
    let (cache, runs) = (in_memory().await, Calls::new());
    let both = async || {
        user(1, "red", &runs).await;
        user(2, "blue", &runs).await;
        runs.get()
    };
    cache
        .scope(async {
            assert_eq!(both().await, 2);
            rename(1, "green".into(), true).await.unwrap_err();
            assert_eq!(both().await, 2);
            rename(1, "green".into(), false).await.unwrap();
            assert_eq!(both().await, 3);
            rename(3, "blue".into(), false).await.unwrap();
            assert_eq!(both().await, 4);
        })
        .await;
}

#[tokio::test]
async fn tags_are_made_on_a_miss_only_and_a_call_with_tags_can_be_spawned() {
    struct Counted(Calls);
    impl std::fmt::Display for Counted {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(if self.0.hit() > 0 { "counted" } else { "" })
        }
    }
    impl serde::Serialize for Counted {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_u64(1)
        }
    }
    #[cached(tags(counted))]
    async fn of(counted: Counted) -> u64 {
        tokio::task::yield_now().await;
        drop(counted);
        1
    }
    let (cache, made) = (in_memory().await, Calls::new());
    for expected in [1, 1] {
        let (cache, counted) = (cache.clone(), Counted(made.clone()));
        tokio::spawn(async move { cache.scope(of(counted)).await }).await.unwrap();
        assert_eq!(made.get(), expected);
    }
    cache.invalidate_tags(["counted"]).await.unwrap();
    cache.scope(of(Counted(made.clone()))).await;
    assert_eq!(made.get(), 2);
}

#[tokio::test]
async fn clear_and_a_prefix_concern_what_has_tags_too() {
    let (one, _) = two_instances().await;
    assert_eq!(call_all(&one).await, 6);
    one.invalidate_prefix("posts").await.unwrap();
    assert_eq!(call_all(&one).await, 4);
    one.clear().await.unwrap();
    assert_eq!((call_all(&one).await, call_all(&one).await), (6, 0));
}
