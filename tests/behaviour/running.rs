//! How long bodies may take, who runs them, and how long what they give lives.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tiercache::{Cache, CallExt, ErrorKind, Key, Memory, Policy, Source, TimedOut, cached};
use tiercache_tests::Calls;
use tokio::sync::Notify;
use tokio::time::{Instant, advance, sleep};

use super::{in_memory, over};

#[derive(Clone, Debug, PartialEq)]
enum Failed {
    Late,
}

impl From<TimedOut> for Failed {
    fn from(_: TimedOut) -> Self {
        Self::Late
    }
}

async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

async fn source<F: Future>(call: F) -> (F::Output, Source) {
    let (output, outcome) = call.with_outcome().await;
    (output, outcome.expect("a cached call was made").source())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_takes_too_long_is_dropped_and_is_an_error_of_the_users() {
    #[cached(timeout = "2s", skip(ended))]
    async fn hangs(id: u64, ended: &Calls) -> Result<u64, Failed> {
        sleep(Duration::from_secs(60)).await;
        ended.hit();
        Ok(id)
    }
    let (cache, ended, begun) = (in_memory().await, Calls::new(), Instant::now());
    assert_eq!(cache.scope(hangs(1, &ended)).await, Err(Failed::Late));
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
    sleep(Duration::from_secs(100)).await;
    assert_eq!((ended.get(), cache.stats().total.load_errors), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_takes_too_long_is_answered_with_a_stale_value() {
    #[cached(ttl = 60, stale_if_error = 600, timeout = "2s", skip(runs))]
    async fn slower(id: u64, runs: &Calls) -> Result<u64, Failed> {
        if runs.hit() > 1 {
            sleep(Duration::from_secs(60)).await;
        }
        Ok(id)
    }
    let (cache, runs) = (in_memory().await, Calls::new());
    cache
        .scope(async {
            slower(1, &runs).await.unwrap();
            advance(Duration::from_secs(60)).await;
            assert_eq!(source(slower(1, &runs)).await, (Ok(1), Source::Stale));
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn who_is_impatient_is_given_the_stale_value_and_the_body_goes_on() {
    #[cached(ttl = 60, stale_if_error = 600, soft_timeout = "50ms", skip(runs))]
    async fn slower(id: u64, runs: Calls) -> usize {
        let (_, run) = (id, runs.hit());
        sleep(Duration::from_secs(1)).await;
        run
    }
    let (cache, runs) = (in_memory().await, Calls::new());
    cache
        .scope(async {
            assert_eq!(source(slower(1, runs.clone())).await, (1, Source::Loader), "there is nothing stale");
            advance(Duration::from_secs(60)).await;
            let begun = Instant::now();
            for _ in 0..3 {
                assert_eq!(source(slower(1, runs.clone())).await, (1, Source::Stale));
            }
            assert_eq!(begun.elapsed(), Duration::from_millis(150));
            sleep(Duration::from_secs(2)).await;
            assert_eq!(source(slower(1, runs.clone())).await, (2, Source::L1));
            assert_eq!(runs.get(), 2);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_detached_body_goes_on_when_its_caller_goes_away() {
    #[cached(detach, skip(gate))]
    async fn detached(name: &str, ids: &[u64], gate: Arc<Notify>) -> String {
        gate.notified().await;
        format!("{name} {ids:?}")
    }
    let (cache, gate) = (in_memory().await, Arc::new(Notify::new()));
    cache
        .scope(async {
            assert!(detached("a", &[1, 2], Arc::clone(&gate)).now_or_never().is_none());
            gate.notify_one();
            settle().await;
            assert_eq!(detached_entry("a", &[1, 2]).peek().await.as_deref(), Some("a [1, 2]"));
        })
        .await;
    assert_eq!(cache.stats().total.abandoned, 1);
}

#[tokio::test(start_paused = true)]
async fn a_detached_body_keeps_its_callers_scope_and_its_self() {
    #[cached]
    async fn inner(id: u64) -> u64 {
        id
    }
    #[derive(Clone)]
    struct Service {
        add: u64,
    }
    impl Service {
        #[cached(detach, skip(self))]
        async fn outer(&self, id: u64) -> Result<u64, Failed> {
            let sum = async { self.add + inner(id).await };
            assert_eq!(format!("{}", self.add), "10");
            Ok(sum.await)
        }

        #[cached(detach, skip(self))]
        async fn shared(self: Arc<Self>, id: u64) -> u64 {
            self.add + id
        }
    }
    let (cache, service) = (in_memory().await, Service { add: 10 });
    cache
        .scope(async {
            assert_eq!(service.outer(1).await, Ok(11));
            assert_eq!(inner_entry(1).peek().await, Some(1));
            assert_eq!(Arc::new(service).shared(1).await, 11);
        })
        .await;
}

#[tokio::test]
async fn a_panic_of_a_detached_body_is_its_callers() {
    #[cached(detach)]
    async fn panics(id: u64) -> u64 {
        assert!(id > 5, "too small");
        id
    }
    let cache = in_memory().await;
    let panic = std::panic::AssertUnwindSafe(cache.scope(panics(1))).catch_unwind().await;
    assert!(panic.is_err());
    assert_eq!(cache.scope(panics(6)).await, 6);
}

#[test]
fn without_a_runtime_bodies_run_on_the_caches_thread() {
    #[cached(detach)]
    async fn thread(id: u64) -> String {
        let _ = id;
        std::thread::current().name().unwrap_or_default().to_owned()
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cache = runtime.block_on(in_memory());
    let name = futures_util::FutureExt::map(cache.scope(thread(1)), |name| name);
    assert_eq!(block_on(name), "tiercache-io");
}

/// Polls without any runtime.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            return output;
        }
        std::thread::park();
    }
}

#[tokio::test(start_paused = true)]
async fn the_value_says_how_long_it_lives() {
    #[cached(ttl = 1, ttl_from = |life| Duration::from_secs(*life), cache_if = |life| *life != 7, skip(runs))]
    async fn token(id: u64, runs: &Calls) -> u64 {
        runs.hit();
        id
    }
    let (cache, runs) = (in_memory().await, Calls::new());
    cache
        .scope(async {
            for (id, expected) in [(0, 2), (7, 4), (3600, 5)] {
                token(id, &runs).await;
                token(id, &runs).await;
                assert_eq!(runs.get(), expected, "{id}");
            }
            advance(Duration::from_secs(3599)).await;
            assert_eq!(token_entry(3600).peek().await, Some(3600));
            advance(Duration::from_secs(1)).await;
            assert_eq!(token_entry(3600).peek().await, None);
        })
        .await;
}

#[tokio::test]
async fn jitter_shortens_lives_in_l2_and_never_lengthens_them() {
    #[cached(ttl = 1000, l1_ttl = 1000, jitter = 0.5)]
    async fn find(id: u64) -> u64 {
        id
    }
    #[cached(ttl = 1000, l1_ttl = 1000)]
    async fn exact(id: u64) -> u64 {
        id
    }
    let cache = over(&Memory::new()).await;
    let mut left = 0;
    cache
        .scope(async {
            for id in 0..100 {
                find(id).await;
                exact(id).await;
            }
            tokio::time::pause();
            advance(Duration::from_secs(480)).await;
            for id in 0..100 {
                assert_eq!(source(find(id)).await, (id, Source::L1));
            }
            advance(Duration::from_secs(510)).await;
            for id in 0..100 {
                assert_eq!(source(exact(id)).await, (id, Source::L1));
                left += u64::from(source(find(id)).await.1 == Source::L1);
            }
        })
        .await;
    assert!(left < 20, "{left}");
}

#[tokio::test]
async fn a_jitter_that_is_no_share_is_refused() {
    for jitter in [-0.1, 1.0, f64::NAN] {
        let error = Cache::builder().jitter(jitter).build().await.unwrap_err();
        assert!(error.kind() == ErrorKind::Config && error.to_string().contains("jitter"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn functions_at_an_address_run_their_bodies_as_they_say() {
    tiercache::entry! { fn thing_entry(id: u64) -> u64; prefix = "thing", ttl = 60, stale_if_error = 600 }
    #[cached(at = thing_entry(id), stale_while_revalidate = 30, timeout = "1s")]
    async fn thing(id: u64) -> Result<u64, Failed> {
        Ok(id)
    }
    #[cached(at = thing_entry(id))]
    async fn broken(id: u64) -> Result<u64, String> {
        Err(format!("no {id}"))
    }
    let cache = in_memory().await;
    cache
        .scope(async {
            thing(1).await.unwrap();
            advance(Duration::from_secs(60)).await;
            assert_eq!(source(broken(1)).await, (Ok(1), Source::Stale));
            assert_eq!(source(thing(1)).await, (Ok(1), Source::Stale));
            settle().await;
            assert_eq!(source(thing(1)).await, (Ok(1), Source::L1));
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn the_direct_api_takes_the_same_options() {
    let (cache, runs) = (in_memory().await, Calls::new());
    let policy = Policy::new().ttl(Duration::from_secs(60)).stale_while_revalidate(Duration::from_secs(30));
    let policy = policy.timeout(Duration::from_secs(1));
    let key = Key::new("number", &1).unwrap();
    let call = || {
        let runs = runs.clone();
        cache.get_or_load_owned(&key, &policy, move || async move { Ok::<_, Failed>(runs.hit()) })
    };
    assert_eq!(call().await, Ok(1));
    advance(Duration::from_secs(60)).await;
    assert_eq!(call().await, Ok(1));
    settle().await;
    assert_eq!(call().await, Ok(2));
    let key = Key::new("number", &2).unwrap();
    let hangs = cache.get_or_load_owned(&key, &policy, std::future::pending::<Result<u64, Failed>>);
    assert_eq!(hangs.await, Err(Failed::Late));
}
