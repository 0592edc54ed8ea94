//! One instance: a process whose tasks read and write rows, and note every call.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fastrand::Rng;
use tiercache::{Cache, CallExt, Redis, Source};
use tiercache_tests::history::{Journal, Record, nanos};
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::{DEGRADED_L1_TTL, MAX_STALENESS, NAMESPACE, TASKS, rows};

pub(crate) const INSTANCE: &str = "COHERENCE_INSTANCE";
pub(crate) const CACHE: &str = "COHERENCE_CACHE";
pub(crate) const DATABASE: &str = "COHERENCE_DATABASE";
pub(crate) const FOLDER: &str = "COHERENCE_FOLDER";
pub(crate) const SEED: &str = "COHERENCE_RUN_SEED";
pub(crate) const UNTIL: &str = "COHERENCE_UNTIL";

/// Reads in a row, and the pause after them.
const BURST: u32 = 40;
const PAUSE: Duration = Duration::from_millis(10);
const SLOW_TASKS: usize = 8;
/// How often it is looked whether L2 has failed.
const LOOK: Duration = Duration::from_millis(5);
/// Rows that are seldom written: what is wrong with them is not soon put right by the next write.
const SELDOM: std::ops::Range<u32> = 100..rows::SLOW;
const SELDOM_BY: u32 = 4;
/// The instance whose memory is emptied, and how often. The others keep theirs, and seldom see L2.
const FORGETFUL: usize = 0;
const FORGETS: Duration = Duration::from_millis(700);
/// How often the tasks are counted.
const COUNT: Duration = Duration::from_millis(500);
/// Who looks as late as this stood still, if it was made to: what failed meanwhile says nothing about the calls after.
pub(crate) const LONG: u64 = 500_000_000;
/// By how much a look may be late on a busy machine.
const LATE: u64 = 50_000_000;

pub(crate) fn journal(folder: &Path, instance: usize, task: usize) -> PathBuf {
    folder.join(format!("{instance}-{task}"))
}

/// The file in which an instance says how many tasks it has.
pub(crate) fn tasks(folder: &Path, instance: usize) -> PathBuf {
    folder.join(format!("{instance}-tasks"))
}

fn given(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("an instance is given {name}"))
}

pub(crate) async fn run(instance: usize) {
    let folder = PathBuf::from(given(FOLDER));
    let (seed, until): (u64, u64) = (given(SEED).parse().unwrap(), given(UNTIL).parse().unwrap());
    rows::open(&given(DATABASE)).await;
    let redis = Redis::new(given(CACHE)).unwrap();
    let builder = Cache::builder().namespace(NAMESPACE).l2(redis).l2_deadline(Duration::from_millis(500));
    let builder = builder.max_staleness(MAX_STALENESS).degraded_l1_ttl(DEGRADED_L1_TTL);
    let cache = builder.build().await.unwrap();
    let mut tasks = vec![tokio::spawn(look(cache.clone(), Journal::create(&journal(&folder, instance, TASKS)), until))];
    for task in 0..TASKS {
        let journal = Journal::create(&journal(&folder, instance, task));
        let random = Rng::with_seed(seed ^ (instance * TASKS + task) as u64);
        let work = Task { cache: cache.clone(), journal, random, slow: task < SLOW_TASKS };
        let scope = cache.clone();
        tasks.push(tokio::spawn(async move { scope.scope(work.run(until)).await }));
    }
    if instance == FORGETFUL {
        tasks.push(tokio::spawn(forget(cache.clone(), until)));
    }
    let counting = tokio::spawn(count(cache.clone(), self::tasks(&folder, instance)));
    for task in tasks {
        task.await.unwrap();
    }
    counting.abort();
    cache.close().await.unwrap_or(());
}

/// Empties the memory again and again, as a deployment does: so what L2 holds comes to light.
async fn forget(cache: Cache, until: u64) {
    while nanos() < until {
        sleep(FORGETS).await;
        cache.clear_l1();
    }
}

/// Says again and again how many tasks there are: those of this runtime, and those of the cache's own.
async fn count(cache: Cache, path: PathBuf) {
    loop {
        let tasks = Handle::current().metrics().num_alive_tasks() + cache.tasks();
        std::fs::write(&path, tasks.to_string()).expect("the temporary directory has room");
        sleep(COUNT).await;
    }
}

/// Notes when L2 failed, or was left alone because it had.
async fn look(cache: Cache, mut journal: Journal, until: u64) {
    let (mut known, mut was_open, mut begin) = (0, false, nanos());
    while begin < until {
        sleep(LOOK).await;
        // What befalls while it looks belongs to this time and to the next.
        let next = nanos();
        let stats = cache.stats();
        let (errors, end) = (stats.l2_errors.values().sum::<u64>(), nanos());
        let is_open = stats.l2.is_open;
        if is_open || was_open || errors > known {
            journal.note(Record::CutOff { begin, end });
        }
        // If it stood still meanwhile, that is passed over, and this is what is left.
        if end - begin >= LONG && was_open {
            journal.note(Record::CutOff { begin, end: begin + LATE });
        }
        if end - begin >= LONG && (was_open || is_open) {
            journal.note(Record::CutOff { begin: end - LATE, end });
        }
        (known, was_open, begin) = (errors, is_open, next);
    }
    journal.finish();
}

/// What stands for a source in a trace.
fn letter(source: Source) -> u8 {
    match source {
        Source::L1 => b'1',
        Source::L2 => b'2',
        Source::Loader => b'L',
        Source::Joined => b'J',
        Source::Stale => b'S',
        _ => b'B',
    }
}

struct Task {
    cache: Cache,
    journal: Journal,
    random: Rng,
    /// Whether it works on the slow rows, and on those alone: the others are not to wait.
    slow: bool,
}

impl Task {
    async fn run(mut self, until: u64) {
        while nanos() < until {
            for _ in 0..if self.slow { 2 } else { BURST } {
                let row = self.row();
                self.read(row).await;
            }
            if self.random.u32(..4) == 0 {
                let row = self.row();
                if !SELDOM.contains(&row) || self.random.u32(..SELDOM_BY) == 0 {
                    self.write(row).await;
                }
                self.read(row).await;
            }
            sleep(PAUSE).await;
        }
        self.journal.finish();
    }

    /// Some rows are hot.
    fn row(&mut self) -> u32 {
        if self.slow {
            return self.random.u32(rows::SLOW..rows::ROWS);
        }
        let among = if self.random.u32(..4) == 0 { 10 } else { rows::SLOW };
        self.random.u32(..among)
    }

    async fn read(&mut self, row: u32) {
        let begin = nanos();
        let (version, outcome) = rows::read(row, self.random.bool()).with_outcome().await;
        let source = outcome.map_or(b'?', |outcome| letter(outcome.source()));
        self.journal.note(Record::Read { key: row, version, source, begin, end: nanos() });
    }

    async fn write(&mut self, row: u32) {
        let begin = nanos();
        let (version, mut told) = rows::write(&self.cache, row).await;
        if self.random.u32(..1_000) == 0 {
            told = self.cache.clear().await;
        }
        let end = told.is_ok().then(nanos);
        self.journal.note(Record::Write { key: row, version, begin, end });
    }
}
