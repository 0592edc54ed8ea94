//! A steady stream of calls, through whatever happens meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Between two calls: 500 a second.
const TICK: Duration = Duration::from_millis(2);
/// Who has not answered by then never will.
const FOR_EVER: Duration = Duration::from_secs(30);

/// How a call ended, and how long it took.
type Ended = (Result<(), String>, Duration);

/// Calls 500 times a second, whether or not the calls before have ended, until it is told to end.
#[derive(Debug)]
pub struct Load {
    ending: Arc<AtomicBool>,
    calling: JoinHandle<Vec<JoinHandle<Ended>>>,
}

impl Load {
    /// Begins. `call` makes the call of this number, which runs in a task of its own; its error says what a caller was not to see.
    pub fn start<F>(mut call: impl FnMut(u64) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let ending = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ending);
        let calling = tokio::spawn(async move {
            let (mut tick, mut calls) = (interval(TICK), Vec::new());
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            while !ended.load(Ordering::Relaxed) {
                tick.tick().await;
                calls.push(tokio::spawn(timed(call(calls.len() as u64))));
            }
            calls
        });
        Self { ending, calling }
    }

    /// Calls no more, and waits for the calls under way.
    pub async fn end(self) -> Carried {
        self.ending.store(true, Ordering::Relaxed);
        let (mut errors, mut took) = (Vec::new(), Vec::new());
        for call in self.calling.await.expect("who only calls does not panic") {
            let (ended, time) = match timeout(FOR_EVER, call).await {
                Ok(Ok(ended)) => ended,
                Ok(Err(panic)) => (Err(panic.to_string()), Duration::ZERO),
                Err(_) => (Err("no answer".to_owned()), FOR_EVER),
            };
            errors.extend(ended.err());
            took.push(time);
        }
        took.sort_unstable();
        Carried { errors, took }
    }
}

async fn timed(call: impl Future<Output = Result<(), String>>) -> Ended {
    let begun = Instant::now();
    (call.await, begun.elapsed())
}

/// What became of the calls.
#[derive(Debug)]
pub struct Carried {
    /// What callers were not to see.
    pub errors: Vec<String>,
    /// In order.
    took: Vec<Duration>,
}

impl Carried {
    /// How many there were.
    pub fn calls(&self) -> usize {
        self.took.len()
    }

    /// How long 99 of 100 took at most.
    pub fn p99(&self) -> Duration {
        self.took[self.took.len() * 99 / 100]
    }

    /// How long the longest took.
    pub fn longest(&self) -> Duration {
        self.took.last().copied().unwrap_or_default()
    }
}
