//! A steady stream of calls through the death of Redis and its return.

use std::time::Duration;

use tiercache_tests::{Calls, Load, RedisServer};
use tokio::time::sleep;

use super::redis_down::{BODY, at, find, recovers, recovery};
use super::table::KILLED;
use super::{ALONE, at_length, measured};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_caller_of_500_a_second_sees_an_error_while_it_is_killed_and_started_again() {
    let _alone = ALONE.lock().await;
    let mut server = RedisServer::start().await;
    let (one, two) = (at(&server.url()).await, at(&server.url()).await);
    recovers(&one, &two).await;
    let down = Duration::from_secs(at_length(1, 5));
    let (calling, runs) = (one.clone(), Calls::new());
    let load = Load::start(move |_| {
        let (one, runs, id) = (calling.clone(), runs.clone(), fastrand::u64(..100_000));
        async move {
            let value = one.scope(find(id, &runs)).await;
            if value == Ok(id) { Ok(()) } else { Err(format!("{value:?} is not that of {id}")) }
        }
    });
    sleep(down).await;
    server.kill().await;
    sleep(down).await;
    server.restart().await;
    let used = recovery(&one, &two).await;
    sleep(down).await;
    let carried = load.end().await;
    let (calls, p99) = (carried.calls(), carried.p99());
    assert!(carried.errors.is_empty(), "{:?}", carried.errors);
    assert!(p99 < BODY + Duration::from_millis(150), "{p99:?}");
    measured(KILLED, format!("0 errors of {calls}; p99 {} ms; used after {used} ms", p99.as_millis()));
}
