//! More news than an instance can hear.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tiercache::Cache;
use tiercache_tests::faults::is_at_length;
use tiercache_tests::{Calls, RedisServer, memory};

use super::breaker::unhurried;
use super::bus::{BUS, LOG, both_hear, staleness};
use super::table::FLOODED;
use super::{ALONE, at_length, measured};

/// Keys that are told at a time.
const BATCH: usize = 1_000;
const PER_SECOND: u64 = 100_000;
/// What of that is reached by a machine that has nothing else to do.
const REACHED: u64 = 90_000;
/// How long the log is kept by those who append to it: if one is shorter, it was not trimmed, but has lost something.
const LENGTH: &[u8] = b"20000";
/// How much the process may grow.
const GROWTH: u64 = 64 << 20;

/// Tells keys of nobody, over a connection of its own: a client would cost more of the machine than who is to hear it.
struct Teller {
    /// In each message.
    keys: usize,
    connection: TcpStream,
    answers: BufReader<TcpStream>,
    random: fastrand::Rng,
    commands: Vec<u8>,
}

impl Teller {
    fn new(server: &RedisServer, keys: usize) -> Self {
        let connection = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        let answers = BufReader::new(connection.try_clone().unwrap());
        Self { keys, connection, answers, random: fastrand::Rng::new(), commands: Vec::new() }
    }

    /// Appends a batch to the log and sends it to the bus, acknowledged.
    fn tell(&mut self) {
        self.commands.clear();
        for _ in 0..BATCH / self.keys {
            let message = self.news();
            self.say(&[b"XADD", LOG.as_bytes(), b"MAXLEN", b"~", LENGTH, b"*", b"m", &message]);
            self.say(&[b"PUBLISH", BUS.as_bytes(), &message]);
        }
        self.connection.write_all(&self.commands).unwrap();
        // The id of a place in the log is two of them, the number of listeners is one.
        for line in self.answers.by_ref().split(b'\n').take(3 * BATCH / self.keys) {
            assert_ne!(line.unwrap().first(), Some(&b'-'), "it is taken");
        }
    }

    /// Version, kind, who tells it, and for each key the length of its prefix, the prefix and a digest.
    fn news(&mut self) -> Vec<u8> {
        let mut message = vec![1, 1, 9, 9, 9, 9, 9, 9, 9, 9];
        for _ in 0..self.keys {
            message.extend([5, 0, 0, 0]);
            message.extend(b"other");
            let mut digest = [0; 32];
            self.random.fill(&mut digest);
            message.extend(digest);
        }
        message
    }

    fn say(&mut self, words: &[&[u8]]) {
        write!(self.commands, "*{}\r\n", words.len()).unwrap();
        for word in words {
            write!(self.commands, "${}\r\n", word.len()).unwrap();
            self.commands.extend_from_slice(word);
            self.commands.extend_from_slice(b"\r\n");
        }
    }
}

/// Tells so many keys, and says how many a second that were.
fn flood(mut teller: Teller, keys: u64) -> u64 {
    let (mut told, begun) = (0, Instant::now());
    while told < keys {
        teller.tell();
        told += BATCH as u64;
        let due = Duration::from_secs_f64(told as f64 / PER_SECOND as f64);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    told * 1_000 / u64::try_from(begun.elapsed().as_millis()).unwrap()
}

/// Tells keys of nobody while one instance invalidates what another has in memory: how many a second, and what came of it.
async fn flooded(server: &RedisServer, [one, two]: [&Cache; 2], keys: usize, runs: &Calls) -> (u64, String) {
    let (teller, all) = (Teller::new(server, keys), at_length(PER_SECOND / 2, 10 * PER_SECOND));
    let before = memory();
    let flood = tokio::task::spawn_blocking(move || flood(teller, all));
    let (mut worst, mut grown, mut times) = (Duration::ZERO, 0, 0);
    while !flood.is_finished() {
        worst = worst.max(staleness(one, two, times, runs).await);
        grown = grown.max(memory().saturating_sub(before));
        times += 1;
    }
    let rate = flood.await.unwrap();
    assert_eq!(two.stats().l2.unknown_news, 0, "they are news of keys");
    assert!(grown < GROWTH, "{grown} bytes");
    let (worst, grown) = (worst.as_millis(), grown >> 20);
    (
        rate,
        format!(
            "{all} keys at {rate}/s, {keys} a message: staleness ≤ {worst} ms over {times} invalidations; + {grown} MiB"
        ),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_invalidations_moves_neither_the_bound_nor_memory() {
    let _alone = ALONE.lock().await;
    let server = RedisServer::start().await;
    let (one, two) = (unhurried(&server.url()).await, unhurried(&server.url()).await);
    both_hear(&one, &two).await;
    let runs = Calls::new();
    // As many as the machine can pass on in messages of their own; and all of them, in those of who invalidates several at once.
    let (_, apart) = flooded(&server, [&one, &two], 1, &runs).await;
    let (rate, together) = flooded(&server, [&one, &two], 10, &runs).await;
    measured(FLOODED, format!("{apart}. {together}"));
    assert!(rate >= REACHED || !is_at_length(), "{rate}/s");
}
