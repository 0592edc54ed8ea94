//! A batch: elements that are cached one by one, and loaded together.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tiercache::{Cache, CallExt, Source, cached};
use tiercache_tests::{Calls, eventually, spawn};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::{User, in_memory, two_instances};

/// What the bodies were asked for, and what holds them up.
#[derive(Clone, Default)]
struct Db {
    asked: Arc<Mutex<Vec<Vec<u64>>>>,
    gate: Option<Arc<Notify>>,
    singles: Calls,
}

impl Db {
    fn gated() -> Self {
        Self { gate: Some(Arc::new(Notify::new())), ..Self::default() }
    }

    fn asked(&self) -> Vec<Vec<u64>> {
        self.asked.lock().unwrap().clone()
    }

    async fn ask(&self, ids: &[u64]) {
        self.asked.lock().unwrap().push(ids.to_vec());
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
    }

    async fn until(&self, queries: usize) {
        eventually(|| async { self.asked().len() >= queries }, Duration::from_secs(10)).await;
    }
}

#[cached(prefix = "user", skip(db))]
async fn get_user(id: u64, db: Db) -> Option<User> {
    db.singles.hit();
    db.ask(&[id]).await;
    (id < 100).then(|| User::new(id))
}

#[cached(batch(ids, get_user_entry))]
async fn get_users(ids: &[u64], db: Db) -> Result<HashMap<u64, User>, String> {
    db.ask(ids).await;
    if ids.contains(&13) {
        return Err("no luck".to_owned());
    }
    Ok(ids.iter().filter(|id| **id < 100).map(|id| (*id, User::new(*id))).collect())
}

#[expect(clippy::unnecessary_wraps, reason = "what a batch returns when all goes well")]
fn users(ids: impl IntoIterator<Item = u64>) -> Result<HashMap<u64, User>, String> {
    Ok(ids.into_iter().map(|id| (id, User::new(id))).collect())
}

async fn soon<T>(call: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(8), call).await.expect("nobody waits for ever")
}

#[tokio::test]
async fn the_body_is_called_once_with_what_is_missing_in_the_order_given() {
    let db = Db::default();
    in_memory()
        .await
        .scope(async {
            get_user(2, db.clone()).await;
            assert_eq!(get_users(&[3, 2, 1, 3], db.clone()).await, users([1, 2, 3]));
            assert_eq!(get_users(&[1, 2, 3], db.clone()).await, users([1, 2, 3]));
            assert_eq!(get_user(3, db.clone()).await, Some(User::new(3)));
        })
        .await;
    assert_eq!(db.asked(), [vec![2], vec![3, 1]]);
}

#[tokio::test]
async fn no_elements_are_an_empty_map_and_no_call_of_the_body() {
    let db = Db::default();
    assert_eq!(in_memory().await.scope(get_users(&[], db.clone())).await, users([]));
    assert!(db.asked().is_empty());
}

#[tokio::test]
async fn each_element_is_counted_as_a_call_of_its_own() {
    let (cache, db) = (in_memory().await, Db::default());
    cache.scope(get_users(&[1, 2, 200], db.clone())).await.unwrap();
    cache.scope(get_users(&[1, 2, 3], db.clone())).await.unwrap();
    cache.scope(get_users(&[13], db.clone())).await.unwrap_err();
    let counts = &cache.stats().prefixes["user"];
    assert_eq!((counts.requests, counts.l1_hits, counts.loads_led, counts.load_errors), (7, 2, 5, 1));
    assert_eq!(counts.l1_entries, 3);
}

#[tokio::test]
async fn what_the_body_does_not_find_is_absent_and_not_kept() {
    let db = Db::default();
    in_memory()
        .await
        .scope(async {
            assert_eq!(get_users(&[1, 200], db.clone()).await, users([1]));
            assert_eq!(get_users(&[1, 200], db.clone()).await, users([1]));
        })
        .await;
    assert_eq!(db.asked(), [vec![1, 200], vec![200]]);
}

#[tokio::test]
async fn an_absence_is_kept_where_the_entry_keeps_it() {
    #[cached(none_ttl = 30, skip(db))]
    async fn find(id: u64, db: &Db) -> Option<u64> {
        db.ask(&[id]).await;
        None
    }
    #[cached(batch(ids, find_entry))]
    async fn find_all(ids: Vec<u64>, db: &Db) -> BTreeMap<u64, u64> {
        db.ask(&ids).await;
        ids.into_iter().filter(|id| id % 2 == 0).map(|id| (id, id)).collect()
    }
    let db = Db::default();
    in_memory()
        .await
        .scope(async {
            find(5, &db).await;
            assert_eq!(find_all(vec![4, 5, 6, 7], &db).await, BTreeMap::from([(4, 4), (6, 6)]));
            assert_eq!(find_all(vec![7, 5], &db).await, BTreeMap::new());
            assert_eq!(find(7, &db).await, None);
        })
        .await;
    assert_eq!(db.asked(), [vec![5], vec![4, 6, 7]]);
}

#[tokio::test]
async fn an_error_is_the_callers_own_and_what_was_found_before_stays() {
    let db = Db::default();
    in_memory()
        .await
        .scope(async {
            get_users(&[1], db.clone()).await.unwrap();
            assert_eq!(get_users(&[1, 2, 13], db.clone()).await, Err("no luck".to_owned()));
            assert_eq!(get_users(&[1, 2], db.clone()).await, users([1, 2]));
        })
        .await;
    assert_eq!(db.asked(), [vec![1], vec![2, 13], vec![2]]);
}

#[tokio::test]
async fn another_instance_finds_in_l2_what_a_batch_has_stored() {
    let ((one, two), db) = (two_instances().await, Db::default());
    one.scope(get_users(&[1, 2, 3], db.clone())).await.unwrap();
    two.scope(get_user(2, db.clone())).await;
    assert_eq!(two.scope(get_users(&[1, 2, 3, 4], db.clone())).await, users([1, 2, 3, 4]));
    assert_eq!(db.asked(), [vec![1, 2, 3], vec![4]]);
    let counts = two.stats().total;
    assert_eq!((counts.requests, counts.l1_hits, counts.l2_hits, counts.loads_led), (5, 1, 3, 1));
}

#[tokio::test]
async fn an_invalidated_element_is_loaded_anew_and_the_others_are_not() {
    let ((one, _two), db) = (two_instances().await, Db::default());
    one.scope(async {
        get_users(&[1, 2, 3], db.clone()).await.unwrap();
        get_user_entry(2).invalidate().await.unwrap();
        get_users(&[1, 2, 3], db.clone()).await.unwrap();
    })
    .await;
    assert_eq!(db.asked(), [vec![1, 2, 3], vec![2]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_batches_that_share_elements_in_another_order_load_each_once() {
    let (cache, db) = (in_memory().await, Db::gated());
    let gate = Arc::clone(db.gate.as_ref().unwrap());
    let one = spawn(&cache, get_users_of(vec![1, 2, 3, 4], db.clone()));
    db.until(1).await;
    let two = spawn(&cache, get_users_of(vec![5, 4, 3, 6], db.clone()));
    db.until(2).await;
    // The second first: it has driven its own when it waits for the first.
    gate.notify_waiters();
    assert_eq!(soon(two).await.unwrap(), users([3, 4, 5, 6]));
    assert_eq!(soon(one).await.unwrap(), users([1, 2, 3, 4]));
    assert_eq!(db.asked(), [vec![1, 2, 3, 4], vec![5, 6]]);
    let counts = cache.stats().total;
    assert_eq!((counts.requests, counts.loads_led, counts.joined), (8, 6, 2));
}

async fn get_users_of(ids: Vec<u64>, db: Db) -> Result<HashMap<u64, User>, String> {
    get_users(&ids, db).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_batches_and_single_calls_at_once_load_each_element_once() {
    for instances in [1, 2] {
        let ((one, two), db) = (two_instances().await, Db::default());
        let caches = [one, two];
        let calls = (0..60_u64).map(|turn| {
            let cache = &caches[usize::try_from(turn).unwrap() % instances];
            let ids: Vec<u64> = (0..20).map(|i| 20 + (turn * 7 + i * (1 + turn % 3 * 2)) % 40).collect();
            let (batch, single) = (get_users_of(ids.clone(), db.clone()), get_user(20 + turn % 40, db.clone()));
            spawn(cache, async move {
                let (found, user) = futures_util::join!(batch, single);
                assert_eq!(found, users(ids));
                assert_eq!(user, Some(User::new(20 + turn % 40)));
            })
        });
        for call in soon(join_all(calls.collect::<Vec<_>>())).await {
            call.unwrap();
        }
        let mut asked = db.asked().concat();
        asked.sort_unstable();
        assert_eq!(asked, (20..60).collect::<Vec<_>>(), "{instances} instances");
        for cache in &caches {
            assert_eq!(cache.health().await.loads_in_flight, 0);
        }
    }
}

#[tokio::test]
async fn a_single_caller_that_waits_for_a_batch_has_what_it_found() {
    let (cache, db) = (in_memory().await, Db::gated());
    let batch = spawn(&cache, get_users_of(vec![1, 2], db.clone()));
    db.until(1).await;
    let single = spawn(&cache, get_user(2, db.clone()));
    eventually(|| async { cache.stats().total.requests == 0 }, Duration::from_secs(5)).await;
    tokio::task::yield_now().await;
    db.gate.as_ref().unwrap().notify_waiters();
    assert_eq!(soon(batch).await.unwrap(), users([1, 2]));
    assert_eq!(soon(single).await.unwrap(), Some(User::new(2)));
    assert_eq!((db.asked().len(), db.singles.get()), (1, 0));
}

#[tokio::test]
async fn a_batch_runs_its_body_again_for_what_a_lost_leader_leaves() {
    let (cache, db) = (in_memory().await, Db::gated());
    let single = spawn(&cache, get_user(2, db.clone()));
    db.until(1).await;
    let batch = spawn(&cache, get_users_of(vec![1, 2, 3], db.clone()));
    db.until(2).await;
    assert_eq!(db.asked(), [vec![2], vec![1, 3]]);
    single.abort();
    assert!(single.await.unwrap_err().is_cancelled());
    db.gate.as_ref().unwrap().notify_one();
    db.until(3).await;
    db.gate.as_ref().unwrap().notify_one();
    assert_eq!(soon(batch).await.unwrap(), users([1, 2, 3]));
    assert_eq!(db.asked(), [vec![2], vec![1, 3], vec![2]]);
}

#[tokio::test]
async fn a_batch_that_is_dropped_hands_its_elements_to_who_waits() {
    let ((one, two), db) = (two_instances().await, Db::gated());
    let batch = spawn(&one, get_users_of(vec![1, 2, 3], db.clone()));
    db.until(1).await;
    let other = spawn(&one, get_users_of(vec![3, 2], db.clone()));
    tokio::task::yield_now().await;
    batch.abort();
    assert!(batch.await.unwrap_err().is_cancelled());
    db.until(2).await;
    db.gate.as_ref().unwrap().notify_one();
    assert_eq!(soon(other).await.unwrap(), users([2, 3]));
    // Its lease of 1 was given back: another instance does not wait for it.
    db.gate.as_ref().unwrap().notify_one();
    assert_eq!(soon(two.scope(get_users(&[1], db.clone()))).await, users([1]));
    assert_eq!(db.asked(), [vec![1, 2, 3], vec![3, 2], vec![1]]);
    assert_eq!(one.health().await.loads_in_flight, 0);
}

#[tokio::test]
async fn a_batch_that_is_woken_and_no_longer_polled_is_replaced() {
    let (cache, db) = (in_memory().await, Db::gated());
    let mut parked = Box::pin(cache.scope(get_users(&[1, 2], db.clone())));
    assert!(futures_util::poll!(parked.as_mut()).is_pending());
    let waiters = [1, 2].map(|id| spawn(&cache, get_user(id, db.clone())));
    tokio::task::yield_now().await;
    // Woken, and never polled again until the waiters have their answers.
    let gate = db.gate.as_ref().unwrap();
    gate.notify_one();
    db.until(3).await;
    gate.notify_waiters();
    for (waiter, id) in waiters.into_iter().zip([1, 2]) {
        assert_eq!(soon(waiter).await.unwrap(), Some(User::new(id)));
    }
    assert_eq!(parked.await, users([1, 2]));
}

#[tokio::test]
async fn an_element_of_a_batch_that_its_body_asks_for_does_not_wait_for_itself() {
    #[cached(batch(ids, get_user_entry))]
    async fn one_by_one(ids: &[u64], db: &Db) -> HashMap<u64, User> {
        let calls = ids.iter().map(|id| get_user(*id, db.clone()));
        join_all(calls).await.into_iter().flatten().map(|user| (user.id, user)).collect()
    }
    let (cache, db) = (in_memory().await, Db::default());
    let found = soon(cache.scope(one_by_one(&[1, 2, 3], &db))).await;
    assert_eq!(Ok(found), users([1, 2, 3]));
    assert_eq!(db.singles.get(), 3);
}

#[tokio::test]
async fn an_invalidation_while_the_body_runs_keeps_its_element_out_of_memory() {
    let (cache, db) = (in_memory().await, Db::gated());
    let batch = spawn(&cache, get_users_of(vec![1, 2], db.clone()));
    db.until(1).await;
    cache.scope(async { get_user_entry(1).invalidate().await }).await.unwrap();
    db.gate.as_ref().unwrap().notify_one();
    assert_eq!(soon(batch).await.unwrap(), users([1, 2]));
    let kept = cache.scope(async { [get_user_entry(1).peek().await, get_user_entry(2).peek().await] }).await;
    assert_eq!(kept, [None, Some(User::new(2))]);
}

#[tokio::test]
async fn a_batch_can_be_refreshed_left_uncached_and_asked_where_it_was_answered() {
    let ((one, _two), db) = (two_instances().await, Db::default());
    one.scope(async {
        let source = async |ids: &[u64]| {
            let (found, outcome) = get_users(ids, db.clone()).with_outcome().await;
            assert_eq!(found.unwrap().len(), ids.len());
            outcome.unwrap().source()
        };
        assert_eq!(source(&[1, 2]).await, Source::Loader);
        assert_eq!(source(&[1, 2]).await, Source::L1);
        assert_eq!(source(&[1, 2, 3]).await, Source::Loader);
        one.clear_l1();
        assert_eq!(source(&[1, 2, 3]).await, Source::L2);
        get_users(&[1, 9], db.clone()).refreshed().await.unwrap();
        get_users(&[1, 8], db.clone()).uncached().await.unwrap();
        assert_eq!(get_user_entry(9).peek().await, Some(User::new(9)));
        assert_eq!(get_user_entry(8).peek().await, None);
    })
    .await;
    assert_eq!(db.asked(), [vec![1, 2], vec![3], vec![1, 9], vec![1, 8]]);
}

#[tokio::test]
async fn without_a_cache_only_the_body_runs() {
    let db = Db::default();
    assert_eq!(get_users(&[1, 1, 2], db.clone()).await, users([1, 2]));
    assert_eq!(db.asked(), [vec![1, 2]]);
}

#[tokio::test]
async fn a_panic_of_the_body_is_its_callers_and_the_next_call_is_fine() {
    #[cached(batch(ids, get_user_entry))]
    async fn panics(ids: &[u64], runs: &Calls) -> HashMap<u64, User> {
        assert!(runs.hit() > 1, "the first run fails");
        ids.iter().map(|id| (*id, User::new(*id))).collect()
    }
    let (cache, runs) = (in_memory().await, Calls::new());
    let first = std::panic::AssertUnwindSafe(cache.scope(panics(&[1], &runs))).catch_unwind().await;
    assert!(first.is_err());
    assert_eq!(Ok(soon(cache.scope(panics(&[1], &runs))).await), users([1]));
}

#[tokio::test]
async fn elements_with_one_address_between_them_do_not_wait_for_each_other() {
    #[cached(batch(ids, |id| get_user_entry(id % 2)))]
    async fn by_parity(ids: &[u64]) -> HashMap<u64, User> {
        ids.iter().map(|id| (*id, User::new(id % 2))).collect()
    }
    let found = soon(in_memory().await.scope(by_parity(&[1, 2, 3]))).await;
    assert_eq!(found, HashMap::from([(1, User::new(1)), (2, User::new(0)), (3, User::new(1))]));
}

#[cached(prefix = "post", skip(db), tags("author:{author}"))]
async fn get_post(id: u64, author: u64, db: &Db) -> u64 {
    db.ask(&[id]).await;
    id * 10 + author
}

#[cached(batch(ids, |id| get_post_entry(*id, *id % 2)))]
async fn get_posts(ids: Vec<u64>, db: Db) -> BTreeMap<u64, u64> {
    db.ask(&ids).await;
    ids.into_iter().map(|id| (id, id * 10 + id % 2)).collect()
}

#[tokio::test]
async fn an_element_carries_the_tags_of_its_address() {
    let ((one, two), db) = (two_instances().await, Db::default());
    one.scope(get_posts(vec![1, 2, 3], db.clone())).await;
    assert_eq!(one.scope(get_post(1, 1, &db)).await, 11);
    two.scope(get_posts(vec![1, 2, 3], db.clone())).await;
    one.invalidate_tags(["author:1"]).await.unwrap();
    // In memory, and what memory does not have in L2.
    one.scope(get_posts(vec![1, 2, 3], db.clone())).await;
    assert_eq!(db.asked(), [vec![1, 2, 3], vec![1, 3]]);
    one.invalidate_tags(["author:0"]).await.unwrap();
    one.clear_l1();
    one.scope(get_posts(vec![1, 2, 3], db.clone())).await;
    assert_eq!(db.asked()[2..], [vec![2]]);
    let hears = || async { two.scope(async { get_post_entry(1, 1).peek().await }).await == Some(11) };
    eventually(hears, Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_tag_invalidated_while_the_body_runs_keeps_its_elements_out_of_both_tiers() {
    let ((one, two), db) = (two_instances().await, Db::gated());
    let early = spawn(&one, get_posts(vec![1, 2], db.clone()));
    db.until(1).await;
    one.invalidate_tags(["author:1"]).await.unwrap();
    // Who comes now joins only what no tag concerns.
    let late = spawn(&one, get_posts(vec![1, 2], db.clone()));
    db.until(2).await;
    let peek = |cache: Cache, id| async move { cache.scope(async { get_post_entry(id, id % 2).peek().await }).await };
    db.gate.as_ref().unwrap().notify_one();
    soon(early).await.unwrap();
    assert_eq!((peek(one.clone(), 1).await, peek(one.clone(), 2).await), (None, Some(20)));
    assert_eq!((peek(two.clone(), 1).await, peek(two.clone(), 2).await), (None, Some(20)));
    db.gate.as_ref().unwrap().notify_one();
    assert_eq!(soon(late).await.unwrap().len(), 2);
    assert_eq!(db.asked(), [vec![1, 2], vec![1]]);
}
