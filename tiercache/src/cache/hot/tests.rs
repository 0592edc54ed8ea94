use super::list::tests::key;
use super::*;
use crate::guard::Process;
use crate::store::Store;
use crate::store::memory::Memory;

async fn stored(l2: &Memory) -> Option<Vec<Count>> {
    let found = l2.read("tiercache:@hot", &Stamps::default()).await.unwrap().found;
    found.map(|found| list::decode(&found.bytes).unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_list_is_written_every_minute_and_what_nobody_uses_does_not_cool_down() {
    let test = Process::new(0).spawn(async {
        let l2 = Memory::new();
        let cache = Cache::builder().l2(l2.clone()).keep_hot_keys(10).build().await.unwrap();
        let hot = Arc::clone(cache.inner.regions.hot().unwrap());
        hot.sketch().add(key(1));
        tokio::time::sleep(BEAT / 2).await;
        assert_eq!(stored(&l2).await, None);
        tokio::time::sleep(BEAT).await;
        assert_eq!(stored(&l2).await, Some(vec![(key(1), EVERY)]));
        tokio::time::sleep(BEAT).await;
        assert_eq!(stored(&l2).await, Some(vec![(key(1), EVERY)]), "nothing was counted");
        hot.sketch().add(key(2));
        tokio::time::sleep(BEAT).await;
        assert_eq!(stored(&l2).await, Some(vec![(key(2), EVERY), (key(1), EVERY / 2)]));
        cache.close().await.unwrap();
        hot.sketch().add(key(3));
        tokio::time::sleep(2 * BEAT).await;
        assert_eq!(stored(&l2).await.map_or(0, |keys| keys.len()), 2, "a closed cache writes nothing");
    });
    test.await.unwrap();
}

#[test]
fn of_the_hits_in_a_row_one_in_128_is_sampled_at_least_and_one_in_64_usually() {
    let sampled: Vec<usize> = (0..128 * 1_000).filter(|_| is_sampled()).collect();
    assert!(sampled.windows(2).all(|pair| pair[1] - pair[0] < 128));
    assert!((1_500..2_500).contains(&sampled.len()), "{}", sampled.len());
}
