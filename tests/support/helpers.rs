//! Small things that many tests need.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tiercache::Cache;
use tokio::task::JoinHandle;

const POLL: Duration = Duration::from_millis(5);

/// Counts calls, such as the runs of a cached body; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<AtomicUsize>);

impl Calls {
    /// A counter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one call, and says which it is: 1 for the first.
    pub fn hit(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The calls so far.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A namespace that no other test, process or earlier run uses: tests that share a server stay apart.
pub fn unique_namespace() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("test-{}-{number}-{:08x}", std::process::id(), fastrand::u32(..))
}

/// Waits until `condition` holds, looking every 5 ms; panics after `within`.
///
/// For what has no event to wait for. Time is the real one: a paused tokio clock stands still.
#[track_caller]
pub fn eventually<F>(mut condition: impl FnMut() -> F, within: Duration) -> impl Future<Output = ()>
where
    F: Future<Output = bool>,
{
    let caller = std::panic::Location::caller();
    async move {
        let begun = Instant::now();
        while !condition().await {
            assert!(begun.elapsed() < within, "the condition at {caller} did not come true within {within:?}");
            nap().await;
        }
    }
}

async fn nap() {
    let slept = tokio::task::spawn_blocking(|| std::thread::sleep(POLL)).await;
    slept.expect("a nap is never aborted while its runtime lives");
}

/// Runs a call in a task of its own, in the scope of `cache`.
pub fn spawn<T: Send + 'static>(cache: &Cache, call: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    let cache = cache.clone();
    tokio::spawn(async move { cache.scope(call).await })
}

/// How much memory this process occupies, in bytes.
pub fn memory() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux says how large a process is");
    let resident = pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    resident.expect("the second number of statm is its pages in memory") * rustix::param::page_size() as u64
}
