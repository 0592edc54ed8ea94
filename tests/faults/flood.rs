//! More news than an instance can hear.

use std::time::{Duration, Instant};

use tiercache_tests::{Calls, RedisServer, memory};

use super::bus::{BUS, LOG, pair, staleness};
use super::table::FLOODED;
use super::{ALONE, at_length, measured};

/// Invalidations at a time.
const BATCH: u64 = 1_000;
const PER_SECOND: u64 = 100_000;
const GROWTH: u64 = 64 << 20;

/// The message of an invalidated key of nobody: version, kind, who tells it, the length of the prefix and the prefix, a digest.
fn news() -> Vec<u8> {
    let mut message = vec![1, 1, 9, 9, 9, 9, 9, 9, 9, 9, 5, 0, 0, 0];
    message.extend(b"other");
    message.extend(std::iter::repeat_with(|| fastrand::u8(..)).take(32));
    message
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_invalidations_moves_neither_the_bound_nor_memory() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let (_proxy, one, two) = pair(&server).await;
    let (runs, mut connection, seconds) = (Calls::new(), server.connection().await, at_length(1, 10));
    let (before, begun) = (memory(), Instant::now());
    let flood = tokio::spawn(async move {
        let mut told = 0;
        while told < seconds * PER_SECOND {
            let mut batch = redis::pipe();
            for _ in 0..BATCH {
                let message = news();
                batch.cmd("XADD").arg(LOG).arg("MAXLEN").arg("~").arg(10_000).arg("*").arg("m").arg(&message).ignore();
                batch.cmd("PUBLISH").arg(BUS).arg(&message).ignore();
            }
            batch.exec_async(&mut connection).await.unwrap();
            told += BATCH;
            let due = Duration::from_secs_f64(told as f64 / PER_SECOND as f64);
            tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
        }
        told
    });
    let (mut worst, mut grown, mut id) = (Duration::ZERO, 0, 0);
    while !flood.is_finished() {
        worst = worst.max(staleness(&one, &two, id, &runs).await);
        grown = grown.max(memory().saturating_sub(before));
        id += 1;
    }
    let (told, took) = (flood.await.unwrap(), begun.elapsed());
    assert_eq!(two.stats().l2.unknown_news, 0, "they are news of keys");
    assert!(grown < GROWTH, "{grown} bytes");
    let rate = told * 1_000 / u64::try_from(took.as_millis()).unwrap();
    let (worst, grown) = (worst.as_millis(), grown >> 20);
    measured(FLOODED, format!("{told} at {rate}/s: staleness ≤ {worst} ms over {id} invalidations; + {grown} MiB"));
}
