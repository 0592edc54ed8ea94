//! Many keys at once, without macros.

use std::time::Duration;

use tiercache::{Cache, ErrorKind, Key, Memory, Policy};

use super::{User, in_memory, over};

fn keys(count: u64) -> Vec<Key> {
    (0..count).map(|id| Key::new(if id % 2 == 0 { "even" } else { "odd" }, &id).unwrap()).collect()
}

#[tokio::test]
async fn what_is_there_comes_in_the_order_asked_for_and_the_rest_is_none() {
    let (l2, keys) = (Memory::new(), keys(2_500));
    let one = over(&l2).await;
    let users: Vec<User> = (0..2_500).map(User::new).collect();
    let pairs = keys.iter().zip(&users).filter(|(_, user)| user.id % 5 != 0);
    one.set_many(pairs, &Policy::new()).await.unwrap();
    let expected: Vec<_> = users.iter().map(|user| (user.id % 5 != 0).then(|| user.clone())).collect();
    assert_eq!(one.get_many(&keys).await, expected);
    // Begun after that: it hears no more of what was set, and forgets nothing for it.
    let two = over(&l2).await;
    assert_eq!(two.get_many(&keys).await, expected);
    assert_eq!(two.get::<User>(&keys[7]).await, Some(User::new(7)));
    assert_eq!(two.get_many::<User>(&[]).await, []);
    assert_eq!(two.stats().total.l1_entries, 2_000, "what was read in L2 is kept in memory");
    assert_eq!((two.stats().total.requests, one.stats().total.stores), (0, 2_000));
}

#[tokio::test]
async fn without_an_l2_memory_holds_what_was_set() {
    let (cache, keys) = (in_memory().await, keys(3));
    cache.set_many([(&keys[0], &1_u64), (&keys[1], &2), (&keys[0], &3)], &Policy::new()).await.unwrap();
    assert_eq!(cache.get_many::<u64>(&keys).await, [Some(3), Some(2), None]);
}

#[tokio::test]
async fn another_instance_hears_that_what_it_has_is_old() {
    let (l2, keys) = (Memory::new(), keys(3));
    let instance = || async {
        let (deadline, staleness) = (Duration::from_secs(10), Duration::from_millis(200));
        Cache::builder().l2(l2.clone()).l2_deadline(deadline).max_staleness(staleness).build().await.unwrap()
    };
    let (one, two) = (instance().await, instance().await);
    one.set_many(keys.iter().map(|key| (key, &1_u64)), &Policy::new()).await.unwrap();
    assert_eq!(two.get_many::<u64>(&keys).await, [Some(1); 3]);
    one.set_many(keys[..2].iter().map(|key| (key, &2_u64)), &Policy::new()).await.unwrap();
    let hears = || async { two.get_many::<u64>(&keys).await == [Some(2), Some(2), Some(1)] };
    tiercache_tests::eventually(hears, Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_value_of_another_type_is_none_and_counted() {
    let (l2, keys) = (Memory::new(), keys(2));
    let (one, two) = (over(&l2).await, over(&l2).await);
    one.set_many([(&keys[0], &"text".to_owned())], &Policy::new()).await.unwrap();
    one.set_many([(&keys[1], &5_u64)], &Policy::new()).await.unwrap();
    assert_eq!(two.get_many::<u64>(&keys).await, [None, Some(5)]);
    assert_eq!(two.stats().rejected.values().sum::<u64>(), 1);
}

#[tokio::test]
async fn a_value_that_cannot_be_stored_is_an_error() {
    #[derive(Clone, serde::Deserialize)]
    struct Never;
    impl serde::Serialize for Never {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("never"))
        }
    }
    let (cache, keys) = (over(&Memory::new()).await, keys(1));
    let failed = cache.set_many([(&keys[0], &Never)], &Policy::new()).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Encode);
}
