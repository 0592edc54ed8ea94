//! Replies that come late, in pieces, damaged, or more than once: none is taken for the value of another key.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tiercache::{Cache, CallExt, L1, Redis, Source};
use tiercache_tests::{Calls, Mode, Proxy, RedisServer};
use tokio::time::sleep;

use super::breaker::{quick, until_open};
use super::redis_down::{BEYOND, BODY, DEADLINE, MARGIN, at, calling, find, p99_of, recovers, recovery, served};
use super::table::{DUPLICATED, FLIPPED_REPLY, INJECTED, LATE, Row, SLICED, SLOW};
use super::{ALONE, at_length, limit, measured};

const IDS: u64 = 50;
/// Changes of how late replies are, at most: 20 s of them.
const LONGEST: u64 = 1_000;

/// An instance without memory, whose breaker stays closed: every call asks Redis.
async fn asking(url: &str, deadline: Duration) -> Cache {
    let builder = Cache::builder().l1(L1::disabled()).l2(Redis::new(url).unwrap());
    builder.l2_deadline(deadline).l2_breaker_failures(u32::MAX).build().await.unwrap()
}

/// One instance behind a proxy that asks Redis at every call, one beside it, and values to be mistaken for each other.
struct Setting {
    _server: RedisServer,
    proxy: Proxy,
    one: Cache,
    two: Cache,
}

impl Setting {
    async fn new(deadline: Duration) -> Self {
        let server = RedisServer::start().await;
        let proxy = Proxy::start(server.port()).await;
        let (one, two) = (asking(&proxy.url(), deadline).await, at(&server.url()).await);
        recovers(&two, &one).await;
        p99_of(&two, 0..IDS).await;
        Self { _server: server, proxy, one, two }
    }

    /// Calls without a pause in eight tasks until told to stop: how many, and how many of them Redis answered.
    fn hammer(&self, stop: &Arc<AtomicBool>) -> impl Future<Output = (u64, u64)> + use<> {
        let start = || {
            let (one, stop) = (self.one.clone(), Arc::clone(stop));
            tokio::spawn(async move {
                let (runs, mut calls, mut answered) = (Calls::new(), 0, 0);
                while !stop.load(Ordering::Relaxed) {
                    let id = fastrand::u64(..IDS);
                    let (value, outcome) = one.scope(find(id, &runs).with_outcome()).await;
                    assert_eq!(value, Ok(id));
                    (calls, answered) = (calls + 1, answered + u64::from(outcome.unwrap().source() == Source::L2));
                }
                (calls, answered)
            })
        };
        let tasks = join_all((0..8).map(|_| start()));
        async { tasks.await.into_iter().map(Result::unwrap).fold((0, 0), |sum, task| (sum.0 + task.0, sum.1 + task.1)) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_seconds_of_latency_cost_the_first_calls_a_deadline_and_later_ones_nothing() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let (one, two, runs) = (at(&proxy.url()).await, at(&server.url()).await, Calls::new());
    recovers(&two, &one).await;
    let load = calling(&one);
    proxy.latency(Duration::from_secs(5));
    let first = p99_of(&one, 0..20).await;
    assert!(first < limit(BODY + DEADLINE + MARGIN), "{first:?}");
    until_open(&one).await;
    let begun = Instant::now();
    for id in 0..1_000 {
        one.scope(quick(id, &runs)).await;
    }
    let later = begun.elapsed() / 1_000;
    assert!(later < limit(Duration::from_millis(5)), "{later:?}");
    let carried = served(load, BODY + BEYOND).await;
    measured(SLOW, format!("first calls ≤ {} ms; later ones + {} µs; {carried}", first.as_millis(), later.as_micros()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_reply_is_never_taken_for_another_keys() {
    let _alone = ALONE.lock().await;
    let setting = Setting::new(DEADLINE).await;
    let stop = Arc::<AtomicBool>::default();
    let hammering = setting.hammer(&stop);
    let (mut times, before) = (0, setting.one.stats().total.l2_hits);
    let late = || setting.one.stats().l2_errors.get("timeout").copied().unwrap_or(0);
    let both = || late() > 0 && setting.one.stats().total.l2_hits > before;
    // On a busy machine nearly all may be late for a while.
    while times < at_length(100, 1_500) || !both() && times < LONGEST {
        setting.proxy.latency(Duration::from_millis(fastrand::u64(80..105)));
        sleep(Duration::from_millis(20)).await;
        times += 1;
    }
    stop.store(true, Ordering::Relaxed);
    let (calls, answered) = hammering.await;
    let late = late();
    assert!(late > 0 && answered > 0, "{late} too late, {answered} in time");
    measured(LATE, format!("{calls} calls, {answered} answered in time, {late} operations too late: 0 wrong values"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bit_flipped_on_the_wire_gives_no_wrong_value() {
    let _alone = ALONE.lock().await;
    let Setting { proxy, one, two, .. } = &Setting::new(DEADLINE).await;
    let runs = Calls::new();
    let flips = at_length(100, 1_600);
    for _ in 0..flips {
        // On a new connection, so that none hides behind the silence of the one before.
        let (byte, bit) = (fastrand::usize(..700), fastrand::u8(..8));
        proxy.set(Mode::Flip { byte, bit });
        proxy.cut_all().await;
        for value in join_all((0..4).map(|id| one.scope(find(id, &runs)))).await.into_iter().zip(0..) {
            assert_eq!(value.0, Ok(value.1), "bit {bit} of byte {byte}");
        }
    }
    proxy.pass();
    let took = recovery(two, one).await;
    measured(FLIPPED_REPLY, format!("{flips} flips: 0 wrong values; used after {took} ms"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_in_pieces_are_as_good_as_whole_ones() {
    let _alone = ALONE.lock().await;
    let Setting { proxy, one, .. } = &Setting::new(Duration::from_secs(10)).await;
    let runs = Calls::new();
    for piece in 1..8 {
        proxy.set(Mode::Slice(piece));
        for (value, outcome) in join_all((0..5).map(|id| one.scope(find(id, &runs).with_outcome()))).await {
            assert!(value.is_ok_and(|id| id < 5) && outcome.unwrap().source() == Source::L2, "pieces of {piece}");
        }
    }
    assert_eq!(runs.get(), 0);
    measured(SLICED, "35 of 35 reads answered by Redis");
}

/// Replies more than there are questions, while questions are asked without a pause.
async fn out_of_step(row: Row, modes: &[Mode]) {
    let _alone = ALONE.lock().await;
    let setting = Setting::new(DEADLINE).await;
    let stop = Arc::<AtomicBool>::default();
    let hammering = setting.hammer(&stop);
    let (times, mut longest) = (at_length(2, 20), 0);
    for _ in 0..times {
        for mode in modes {
            setting.proxy.set(*mode);
            sleep(Duration::from_millis(100)).await;
            setting.proxy.pass();
            longest = longest.max(recovery(&setting.two, &setting.one).await);
        }
    }
    stop.store(true, Ordering::Relaxed);
    let (calls, answered) = hammering.await;
    assert!(answered > 0);
    let count = times * modes.len() as u64;
    measured(row, format!("{count} times in {calls} calls: 0 wrong values; used after ≤ {longest} ms"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_put_before_a_reply_give_no_wrong_value() {
    let bytes: [&[u8]; 6] = [b"+OK\r\n", b":1\r\n", b"$-1\r\n", b"*2\r\n", b"$1000\r\n", b"hello\r\n"];
    out_of_step(INJECTED, &bytes.map(Mode::Inject)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_comes_twice_gives_no_wrong_value() {
    out_of_step(DUPLICATED, &[Mode::Duplicate; 3]).await;
}
