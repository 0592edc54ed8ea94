//! A hit allocates nothing of its own.

use std::hint::black_box;
use std::sync::Arc;

use allocation_counter::measure;
use tiercache::{Cache, L1, cached};
use tokio::runtime::Builder;

#[cached]
async fn name(id: u64, language: &str) -> Arc<String> {
    Arc::new(format!("{id} {language}"))
}

#[test]
fn a_hit_allocates_nothing_of_its_own() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    for engine in [L1::quick_cache(), L1::mini_moka()] {
        let cache = runtime.block_on(Cache::builder().l1(engine).build()).unwrap();
        runtime.block_on(cache.scope(async {
            name(1, "en-GB").await;
            // mini-moka grows the tables it counts reads in.
            for _ in 0..1_000 {
                name(1, "en-GB").await;
            }
        }));
        let hits = runtime.block_on(cache.scope(async {
            let hits = async { black_box(name(1, "en-GB").await) };
            let mut hits = std::pin::pin!(hits);
            let mut counted = None;
            std::future::poll_fn(|cx| {
                counted = Some(measure(|| assert!(hits.as_mut().poll(cx).is_ready())));
                std::task::Poll::Ready(())
            })
            .await;
            counted.unwrap()
        }));
        assert_eq!(hits.count_total, 0);
    }
}
