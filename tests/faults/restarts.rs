//! A steady stream of calls through the death of Redis and its return.

use std::time::{Duration, Instant};

use tiercache_tests::{Calls, RedisServer};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::redis_down::{BODY, at, find, recovers, recovery};
use super::table::KILLED;
use super::{ALONE, at_length, measured};

/// Between two calls: 500 a second.
const TICK: Duration = Duration::from_millis(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_caller_of_500_a_second_sees_an_error_while_it_is_killed_and_started_again() {
    let _alone = ALONE.lock().await;
    let mut server = RedisServer::start().await;
    let (one, two, runs) = (at(&server.url()).await, at(&server.url()).await, Calls::new());
    recovers(&one, &two).await;
    let down = Duration::from_secs(at_length(1, 5));
    let calling = tokio::spawn({
        let one = one.clone();
        async move {
            let (mut tick, mut calls, begun) = (interval(TICK), Vec::new(), Instant::now());
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            while begun.elapsed() < down * 3 {
                tick.tick().await;
                let (one, runs, id) = (one.clone(), runs.clone(), fastrand::u64(..100_000));
                calls.push(tokio::spawn(async move {
                    let started = Instant::now();
                    let value = one.scope(find(id, &runs)).await;
                    (value == Ok(id), started.elapsed())
                }));
            }
            calls
        }
    });
    sleep(down).await;
    server.kill().await;
    sleep(down).await;
    server.restart().await;
    let used = recovery(&one, &two).await;
    let (mut took, mut errors) = (Vec::new(), 0);
    for call in calling.await.unwrap() {
        let (right, time) = call.await.unwrap();
        took.push(time);
        errors += u64::from(!right);
    }
    took.sort();
    let p99 = took[took.len() * 99 / 100];
    assert_eq!(errors, 0);
    assert!(p99 < BODY + Duration::from_millis(150), "{p99:?}");
    let (calls, p99) = (took.len(), p99.as_millis());
    measured(KILLED, format!("0 errors of {calls}; p99 {p99} ms; used after {used} ms"));
}
