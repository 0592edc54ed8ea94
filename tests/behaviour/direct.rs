//! The cache without macros.

use std::time::Duration;

use tiercache::{ErrorKind, Key, Policy};
use tiercache_tests::Calls;
use tokio::time::advance;

use super::{User, in_memory, two_instances};

#[tokio::test]
async fn a_value_is_loaded_once_and_found_everywhere() {
    let (one, two) = two_instances().await;
    let (runs, policy) = (Calls::new(), Policy::new().ttl(Duration::from_secs(60)));
    let key = Key::new("user", &(42, "en")).unwrap();
    for cache in [&one, &one, &two] {
        let user: Result<User, std::io::Error> = cache
            .get_or_load(&key, &policy, || async {
                runs.hit();
                Ok(User::new(42))
            })
            .await;
        assert_eq!(user.unwrap(), User::new(42));
    }
    assert_eq!(runs.get(), 1);
    assert_eq!(two.get::<User>(&key).await, Some(User::new(42)));
}

#[tokio::test]
async fn a_failed_load_is_the_callers_own_error_and_not_kept() {
    let cache = in_memory().await;
    let key = Key::new("user", &1).unwrap();
    let failed: Result<u64, std::num::ParseIntError> =
        cache.get_or_load(&key, &Policy::new(), || async { "x".parse() }).await;
    assert!(failed.is_err());
    let fine: Result<u64, std::num::ParseIntError> =
        cache.get_or_load(&key, &Policy::new(), || async { "5".parse() }).await;
    assert_eq!(fine.unwrap(), 5);
    assert_eq!(cache.get_or_load_value(&key, &Policy::new(), || async { 6_u64 }).await, 5);
}

#[tokio::test]
async fn set_get_invalidate() {
    let (one, two) = two_instances().await;
    let key = Key::new("user", &1).unwrap();
    assert_eq!(one.get::<u64>(&key).await, None);
    one.set(&key, &5_u64, &Policy::new()).await.unwrap();
    assert_eq!((one.get::<u64>(&key).await, two.get::<u64>(&key).await), (Some(5), Some(5)));
    one.invalidate(&key).await.unwrap();
    assert_eq!(one.get::<u64>(&key).await, None);
    two.clear_l1();
    assert_eq!(two.get::<u64>(&key).await, None);
}

#[tokio::test]
async fn a_value_of_another_type_is_none() {
    let (one, two) = two_instances().await;
    let key = Key::new("user", &1).unwrap();
    one.set(&key, &5_u64, &Policy::new()).await.unwrap();
    assert_eq!(one.get::<String>(&key).await, None);
    assert_eq!(two.get::<User>(&key).await, None);
    assert_eq!(two.get::<i64>(&key).await, None, "not even one that decodes");
}

#[tokio::test]
async fn a_bad_prefix_is_refused() {
    let error = Key::new("us er", &1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[tokio::test]
async fn a_closed_cache_goes_on_from_memory_and_bodies() {
    let (cache, _) = two_instances().await;
    let key = Key::new("user", &1).unwrap();
    cache.set(&key, &5_u64, &Policy::new()).await.unwrap();
    cache.close().await.unwrap();
    cache.close().await.unwrap();
    assert_eq!(cache.get::<u64>(&key).await, Some(5));
    let other = Key::new("user", &2).unwrap();
    assert_eq!(cache.get_or_load_value(&other, &Policy::new(), || async { 7_u64 }).await, 7);
    assert!(cache.invalidate(&key).await.is_err());
    assert_eq!(cache.get::<u64>(&key).await, None, "this process has forgotten it all the same");
    assert_eq!(cache.health().await.l2, tiercache::L2Health::Closed);
}

#[tokio::test]
async fn what_get_accepts_does_not_depend_on_who_used_the_prefix_first() {
    let policy = Policy::new().version(2);
    let mut found = Vec::new();
    for first in ["get", "set"] {
        let (one, two) = two_instances().await;
        let key = Key::new("versioned", &1).unwrap();
        one.set(&key, &5_u64, &policy).await.unwrap();
        if first == "set" {
            two.set(&Key::new("versioned", &2).unwrap(), &5_u64, &policy).await.unwrap();
        }
        found.push(two.get::<u64>(&key).await);
    }
    assert_eq!(found, [None, None], "`get` is of version 0, as an empty policy is");
}

#[tokio::test]
async fn prefixes_made_at_run_time_take_no_room_without_bound_and_work_all_the_same() {
    const MANY: u64 = 3_000;
    let (one, two) = two_instances().await;
    let key = |tenant: u64| Key::new(format!("tenant:{tenant}"), &1).unwrap();
    for tenant in 0..MANY {
        one.set(&key(tenant), &tenant, &Policy::new()).await.unwrap();
    }
    let stats = one.stats();
    assert!(stats.prefixes.len() < 2_000, "{}", stats.prefixes.len());
    assert_eq!(stats.total.stores, MANY, "what has no numbers of its own is counted together");
    assert_eq!(one.get::<u64>(&key(MANY - 1)).await, Some(MANY - 1));
    assert_eq!(two.get::<u64>(&key(MANY - 1)).await, Some(MANY - 1));
    one.invalidate_prefix(&format!("tenant:{}", MANY - 1)).await.unwrap();
    assert_eq!(one.get::<u64>(&key(MANY - 1)).await, None);
    one.invalidate(&key(MANY - 2)).await.unwrap();
    assert_eq!(one.get::<u64>(&key(MANY - 2)).await, None);
    assert_eq!(one.get::<u64>(&key(0)).await, Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_load_can_say_how_long_its_value_lives() {
    let (cache, runs) = (in_memory().await, Calls::new());
    let (key, policy) = (Key::new("token", &1).unwrap(), Policy::new().ttl(Duration::from_secs(60)));
    let token = async |ttl| {
        let load = || async {
            runs.hit();
            Ok::<_, String>(("token".to_owned(), Duration::from_secs(ttl)))
        };
        assert_eq!(cache.get_or_load_with_ttl(&key, &policy, load).await.unwrap(), "token");
        runs.get()
    };
    assert_eq!(token(0).await, 1);
    assert_eq!(token(3_600).await, 2, "it was not kept");
    advance(Duration::from_secs(3_599)).await;
    assert_eq!(token(0).await, 2);
    advance(Duration::from_secs(1)).await;
    assert_eq!(token(0).await, 3);
}
