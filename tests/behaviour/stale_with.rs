//! Values past their lives where tags, batches and a bound on loads meet them.

use std::collections::HashMap;
use std::time::Duration;

use tiercache::{Cache, Memory, cached};
use tiercache_tests::Calls;
use tokio::time::{sleep, timeout};

use super::{in_memory, over};

#[tokio::test]
async fn a_dead_tag_leaves_nothing_stale_to_give_in_either_tier() {
    #[cached(ttl = "200ms", stale_if_error = 600, tags("all"), skip(runs))]
    async fn flaky(id: u64, runs: &Calls) -> Result<u64, String> {
        if runs.hit() == 1 { Ok(id) } else { Err("down".into()) }
    }
    let l2 = Memory::new();
    for cache in [in_memory().await, over(&l2).await] {
        let runs = Calls::new();
        assert_eq!(cache.scope(flaky(1, &runs)).await, Ok(1));
        sleep(Duration::from_millis(300)).await;
        assert_eq!(cache.scope(flaky(1, &runs)).await, Ok(1));
        cache.invalidate_tags(["all"]).await.unwrap();
        assert_eq!(cache.scope(flaky(1, &runs)).await, Err("down".into()));
        assert_eq!(over(&l2).await.scope(flaky(1, &runs)).await, Err("down".into()));
    }
}

#[tokio::test]
async fn a_tag_that_dies_while_the_body_runs_leaves_nothing_stale_to_give() {
    #[cached(ttl = "200ms", stale_if_error = 600, tags("all"), skip(cache, runs))]
    async fn invalidates(cache: &Cache, runs: &Calls) -> Result<u64, String> {
        if runs.hit() == 1 {
            return Ok(1);
        }
        cache.invalidate_tags(["all"]).await.unwrap();
        Err("down".into())
    }
    for cache in [in_memory().await, over(&Memory::new()).await] {
        let runs = Calls::new();
        assert_eq!(cache.scope(invalidates(&cache, &runs)).await, Ok(1));
        sleep(Duration::from_millis(300)).await;
        assert_eq!(cache.scope(invalidates(&cache, &runs)).await, Err("down".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_apart_inside_another_needs_no_place_of_its_own() {
    #[cached(detach)]
    async fn inner(id: u64) -> u64 {
        id
    }
    #[cached]
    async fn outer(id: u64) -> u64 {
        inner(id).await
    }
    let cache = Cache::builder().max_loads(1).build().await.unwrap();
    let answer = timeout(Duration::from_secs(60), cache.scope(outer(1))).await;
    assert_eq!(answer.expect("nobody waits for itself"), 1);
}

#[tokio::test]
async fn a_batch_replaces_what_is_past_its_life_and_removes_what_is_no_more() {
    #[cached(ttl = "200ms", stale_if_error = 600)]
    async fn one(id: u64) -> Result<usize, String> {
        Err(format!("nobody loads {id} by itself"))
    }
    #[cached(batch(ids, one_entry))]
    async fn many(ids: &[u64], runs: &Calls) -> Result<HashMap<u64, usize>, String> {
        let run = runs.hit();
        Ok(ids.iter().filter(|id| run == 1 || **id != 2).map(|id| (*id, run)).collect())
    }
    let l2 = Memory::new();
    let (cache, runs) = (over(&l2).await, Calls::new());
    assert_eq!(cache.scope(many(&[1, 2], &runs)).await, Ok(HashMap::from([(1, 1), (2, 1)])));
    sleep(Duration::from_millis(300)).await;
    assert_eq!(cache.scope(many(&[1, 2], &runs)).await, Ok(HashMap::from([(1, 2)])));
    let other = over(&l2).await;
    assert_eq!(other.scope(one(1)).await, Ok(2));
    assert!(other.scope(one(2)).await.is_err(), "what the batch did not find is not given");
}
