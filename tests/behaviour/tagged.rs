//! What the tags of a policy promise: those of values whose keys are made by hand.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::{join, poll};
use tiercache::{Cache, Chaos, ErrorKind, Key, Memory, Operation, Policy, Recording, TimedOut, WriteMode};
use tiercache_tests::{Calls, eventually};
use tokio::sync::Notify;
use tokio::time::advance;

use super::{in_memory, over, two_instances};

/// Longer than `max_staleness`, by which an instance has heard of everything.
const SOON: Duration = Duration::from_secs(10);
const POSTS: Policy = Policy::new().ttl(Duration::from_secs(300));

/// Values under as many keys as there are ways to store one, each with the tags `posts` and `way:{its number}`; gives the keys.
async fn store_each_way(cache: &Cache) -> Vec<Key> {
    let keys: Vec<Key> = (0..7).map(|way| Key::new("post", &way).unwrap()).collect();
    let policy = |way: usize| POSTS.tags(["posts".to_owned(), format!("way:{way}")]);
    cache.set(&keys[0], &0_usize, &policy(0)).await.unwrap();
    cache.set_many([(&keys[1], &1_usize)], &policy(1)).await.unwrap();
    let load = || async { Ok::<_, Infallible>(2_usize) };
    cache.get_or_load(&keys[2], &policy(2), load).await.unwrap();
    cache.get_or_load_value(&keys[3], &policy(3), || async { 3_usize }).await;
    let load = || async { Ok::<_, Infallible>((4_usize, SOON)) };
    cache.get_or_load_with_ttl(&keys[4], &policy(4), load).await.unwrap();
    let load = || async { Ok::<_, TimedOut>(5_usize) };
    cache.get_or_load_owned(&keys[5], &policy(5).detach(), load).await.unwrap();
    cache.set(&keys[6], &6_usize, &policy(6).write_mode(WriteMode::Behind)).await.unwrap();
    cache.flush_writes().await;
    keys
}

#[tokio::test]
async fn whatever_stores_a_value_gives_it_the_tags_of_its_policy() {
    for tag in ["posts", "way"] {
        let (one, two) = two_instances().await;
        let keys = store_each_way(&one).await;
        for (way, key) in keys.iter().enumerate() {
            assert_eq!((one.get(key).await, two.get(key).await), (Some(way), Some(way)));
        }
        two.invalidate_tags(["post", "way:7"]).await.unwrap();
        assert_eq!(one.get_many::<usize>(&keys).await, two.get_many::<usize>(&keys).await);
        for (way, key) in keys.iter().enumerate() {
            let tag = if tag == "way" { format!("way:{way}") } else { tag.to_owned() };
            two.invalidate_tags([&tag]).await.unwrap();
            assert_eq!(two.get::<usize>(key).await, None, "{tag}: on who has invalidated it");
            eventually(async || one.get::<usize>(key).await.is_none(), SOON).await;
            let others = if tag == "posts" { [].iter() } else { keys[way + 1..].iter() };
            for (key, way) in others.zip(way + 1..) {
                assert_eq!((one.get(key).await, two.get(key).await), (Some(way), Some(way)), "of other tags it stays");
            }
        }
        one.clear_l1();
        assert_eq!(one.get_many::<usize>(&keys).await, [None; 7], "and in L2");
    }
}

#[tokio::test]
async fn who_does_not_know_the_tags_finds_the_value_and_loses_it_with_them() {
    let (one, two) = two_instances().await;
    let keys: Vec<Key> = (0..3).map(|id| Key::new("post", &id).unwrap()).collect();
    for tag in ["b", "a"] {
        let tagged = POSTS.tags(["a", "b"]);
        one.set_many(keys.iter().map(|key| (key, &7_usize)), &tagged).await.unwrap();
        two.clear_l1();
        assert_eq!(two.get(&keys[0]).await, Some(7_usize));
        let load = || async { panic!("it is in L2") };
        assert_eq!(two.get_or_load_value::<usize, _>(&keys[1], &POSTS, load).await, 7);
        assert_eq!(two.get_many(&keys).await, [Some(7_usize); 3]);
        // Now they are in its memory too.
        two.invalidate_tags([tag]).await.unwrap();
        assert_eq!((two.get_many::<usize>(&keys).await, one.stats().rejected.len()), (vec![None; 3], 0));
        assert_eq!(two.get_or_load_value(&keys[2], &POSTS, || async { 8_usize }).await, 8);
    }
}

#[tokio::test]
async fn the_order_of_tags_does_not_matter_and_a_value_that_lacks_one_of_the_policys_is_loaded_anew() {
    let (one, two) = two_instances().await;
    let (key, runs) = (Key::new("post", &1).unwrap(), Calls::new());
    one.set(&key, &0_usize, &POSTS.tags(["a", "b"]).tags(["c", "a"])).await.unwrap();
    let load = async |tags: &[&str]| {
        two.clear_l1();
        two.get_or_load_value(&key, &POSTS.tags(tags), || async { runs.hit() }).await
    };
    assert_eq!((load(&["c", "b", "a"]).await, load(&["b"]).await, load(&[]).await), (0, 0, 0));
    assert_eq!((load(&["b", "d"]).await, load(&["d"]).await), (1, 1));
    assert_eq!(two.stats().rejected["stamp"], 1);
}

/// A load whose body waits at `gate`, and gives `value`.
async fn gated(cache: &Cache, key: &Key, policy: &Policy, (begun, gate): &(Calls, Notify), value: usize) -> usize {
    let load = async || {
        begun.hit();
        gate.notified().await;
        value
    };
    cache.get_or_load_value(key, policy, load).await
}

#[tokio::test]
async fn a_load_that_an_invalidation_of_its_tag_comes_into_is_kept_nowhere() {
    let ((one, two), key) = (two_instances().await, Key::new("post", &1).unwrap());
    for (nth, by) in [&one, &two].into_iter().enumerate() {
        let gate = (Calls::new(), Notify::new());
        let tagged = POSTS.tags(["a"]);
        let invalidated = async {
            eventually(async || gate.0.get() == 1, SOON).await;
            by.invalidate_tags(["a"]).await.unwrap();
            gate.1.notify_one();
        };
        let (given, ()) = join!(gated(&one, &key, &tagged, &gate, nth), invalidated);
        assert_eq!(given, nth, "the caller gets what it asked for");
        assert_eq!(two.get::<usize>(&key).await, None, "not in L2");
        eventually(async || one.get::<usize>(&key).await.is_none(), SOON).await;
    }
}

#[tokio::test]
async fn a_write_that_an_invalidation_of_its_tag_comes_into_is_kept_nowhere() {
    let (memory, key) = (Memory::new(), Key::new("post", &1).unwrap());
    let chaos = Chaos::over(memory.clone());
    let recording = Recording::over(chaos.clone());
    let one = Cache::builder().l2(recording.clone()).l2_deadline(SOON).build().await.unwrap();
    let two = over(&memory).await;
    chaos.only([Operation::Commit]);
    chaos.hold();
    let (tagged, none) = (POSTS.tags(["a"]), usize::MAX);
    let write = one.set(&key, &none, &tagged);
    let invalidated = async {
        eventually(async || recording.count(Operation::Commit) == 1, SOON).await;
        two.invalidate_tags(["a"]).await.unwrap();
        chaos.heal();
    };
    let (written, ()) = join!(write, invalidated);
    written.unwrap();
    assert_eq!(two.get::<usize>(&key).await, None, "not in L2");
    eventually(async || one.get::<usize>(&key).await.is_none(), SOON).await;
}

#[tokio::test]
async fn who_does_not_know_the_tags_shares_no_load_from_before_their_invalidation() {
    let (cache, key) = (in_memory().await, Key::new("post", &1).unwrap());
    let gate = (Calls::new(), Notify::new());
    let (tagged, untagged) = (POSTS.tags(["a"]), POSTS);
    let early = gated(&cache, &key, &tagged, &gate, 1);
    let later = async {
        eventually(async || gate.0.get() == 1, SOON).await;
        let mut with_it = Box::pin(cache.get_or_load_value(&key, &untagged, || async { 2_usize }));
        assert!(poll!(with_it.as_mut()).is_pending());
        cache.invalidate_tags(["a"]).await.unwrap();
        let mut after = Box::pin(cache.get_or_load_value(&key, &untagged, || async { 3_usize }));
        assert!(poll!(after.as_mut()).is_pending());
        gate.1.notify_one();
        join!(with_it, after)
    };
    assert_eq!(join!(early, later), (1, (1, 3)), "who came before it gets what was loaded then");
}

#[tokio::test]
async fn who_does_not_know_the_tags_believes_no_l2_that_could_not_be_told_of_them() {
    let (memory, key) = (Memory::new(), Key::new("post", &1).unwrap());
    let chaos = Chaos::over(memory.clone());
    let cache = Cache::builder().l2(chaos.clone()).l2_deadline(SOON).build().await.unwrap();
    cache.set(&key, &1_usize, &POSTS.tags(["a"])).await.unwrap();
    assert_eq!(over(&memory).await.get(&key).await, Some(1_usize), "so it is in L2");
    chaos.only([Operation::Invalidate]);
    chaos.fail(ErrorKind::Overloaded);
    assert_eq!(cache.invalidate_tags(["a"]).await.unwrap_err().kind(), ErrorKind::Pending);
    let found = (cache.get::<usize>(&key).await, cache.get_many::<usize>(std::slice::from_ref(&key)).await);
    assert_eq!(found, (None, vec![None]));
    assert_eq!(cache.get_or_load_value(&key, &POSTS, || async { 2_usize }).await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_behind_keeps_the_tags() {
    let (cache, key, runs) = (in_memory().await, Key::new("post", &1).unwrap(), Calls::new());
    let tagged = POSTS.stale_while_revalidate(SOON).tags(["a"]);
    let call = async || {
        let runs = runs.clone();
        cache.get_or_load_owned(&key, &tagged, || async move { Ok::<_, TimedOut>(runs.hit()) }).await.unwrap()
    };
    assert_eq!(call().await, 1);
    advance(Duration::from_secs(300)).await;
    assert_eq!(call().await, 1, "stale");
    eventually(async || cache.get(&key).await == Some(2_usize), SOON).await;
    cache.invalidate_tags(["a"]).await.unwrap();
    assert_eq!(cache.get::<usize>(&key).await, None);
}

#[tokio::test]
async fn more_tags_than_an_entry_has_room_for_are_refused() {
    let ((one, two), key) = (two_instances().await, Key::new("post", &1).unwrap());
    let most = POSTS.tags(0..64);
    one.set(&key, &1_usize, &most).await.unwrap();
    assert_eq!(two.get(&key).await, Some(1_usize));
    one.invalidate_tags([63]).await.unwrap();
    two.clear_l1();
    let more = most.tags([64]);
    for refused in [one.set(&key, &1_usize, &more).await, one.set_many([(&key, &1_usize)], &more).await] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!(error.to_string(), "an entry carries at most 64 tags: give what goes together one tag, or a prefix");
    }
    let runs = Calls::new();
    for nth in 1..=2 {
        assert_eq!(one.get_or_load_value(&key, &more, || async { runs.hit() }).await, nth, "not cached");
    }
    assert_eq!((one.get::<usize>(&key).await, two.get::<usize>(&key).await), (None, None));
    let notices = one.health().await.notices;
    assert!(notices.iter().any(|text| text.starts_with("`post`: not cached")), "{notices:?}");
}
