//! Two instances that are called 500 times a second, through whatever befalls their Redis.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tiercache::{Cache, ErrorKind, Redis, cached};
use tiercache_tests::faults::{at_length, is_at_length, measured, table::Row};
use tiercache_tests::history::{Bounds, History, Record, Verdict, nanos};
use tiercache_tests::{Carried, Load, eventually};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{follow, share_again};

const PATIENCE: Duration = Duration::from_secs(20);
const BODY: Duration = Duration::from_millis(5);
/// What a call may take beyond its body: the deadline of L2, and what comes with it.
const BEYOND: Duration = Duration::from_millis(150);
/// On a machine that is busy with other tests a call may wait for its turn.
const BUSY: u32 = 40;
/// Keys that are always asked for, and change all the time.
const HOT: u32 = 20;
const BETWEEN_CHANGES: Duration = Duration::from_millis(20);
/// Ids of calls that are asked for once or twice.
const RARE: std::ops::Range<u64> = 10_000_000..10_100_000;
/// Nanoseconds: who follows a new primary has its journal redone within two heartbeats, and tells the others.
const REDONE: u64 = 2_000_000_000;
/// What an instance that is cut off may serve, by default.
const CUT_OFF: Duration = Duration::from_secs(10);
/// Whose the changes are. No read is this instance's: a primary that dies takes with it what it alone had acknowledged.
const WRITER: usize = 2;

/// A version for each hot key, which only grows; and what was done about them.
#[derive(Default)]
struct Database {
    versions: [AtomicU64; HOT as usize],
    records: Mutex<Vec<(usize, Record)>>,
    ending: AtomicBool,
}

impl Database {
    fn note(&self, instance: usize, record: Record) {
        self.records.lock().expect("nobody panics while noting").push((instance, record));
    }
}

#[cached(prefix = "hot", skip(database))]
async fn hot(key: u32, database: &Database) -> Result<(u32, u64), String> {
    let version = database.versions[key as usize].load(Ordering::SeqCst);
    sleep(BODY).await;
    Ok((key, version))
}

#[cached(prefix = "rare")]
async fn rare(id: u64) -> Result<u64, String> {
    sleep(BODY).await;
    Ok(id)
}

/// The instances, and who calls them.
pub(super) struct UnderLoad {
    pub(super) one: Cache,
    pub(super) two: Cache,
    database: Arc<Database>,
    reading: Load,
    writing: JoinHandle<Vec<String>>,
    fault: u64,
}

impl UnderLoad {
    /// Two instances with the usual deadlines, once they share values, under load for a while. What follows is the fault.
    pub(super) async fn start(url: &str) -> Self {
        let (one, two) = (instance(url).await, instance(url).await);
        share_again(&one, &two, |n| 100_000 + n).await;
        let database = Arc::new(Database::default());
        let writing = tokio::spawn(change([one.clone(), two.clone()], Arc::clone(&database)));
        let reading = Load::start(reader([one.clone(), two.clone()], Arc::clone(&database)));
        sleep(Duration::from_millis(at_length(500, 3_000))).await;
        Self { one, two, database, reading, writing, fault: nanos() }
    }

    /// Waits until values with keys like those of `ids` are shared again, and says how long it took.
    pub(super) async fn share_again(&self, ids: impl Fn(u64) -> u64) -> Duration {
        share_again(&self.one, &self.two, ids).await
    }

    /// The key of one of the hot ones in L2.
    pub(super) async fn hot_key(&self, key: u32) -> String {
        self.one.scope(async { hot_entry(key).key() }).await.expect("the cache is open")
    }

    /// Waits until Redis answers calls with errors of the kind of `CLUSTERDOWN`, as it has not yet.
    pub(super) async fn is_refused(&self) {
        let refusals = || self.one.stats().l2_errors.get("overloaded").copied().unwrap_or(0);
        let before = refusals();
        eventually(|| async { refusals() > before }, PATIENCE).await;
    }

    /// The fault is over, and L2 shared again after `took`: nobody saw an error, or a value that is wrong or older than promised, or waited
    /// longer than that.
    pub(super) async fn holds(self, row: Row, took: Duration, also: &str) {
        let cut_off = Record::CutOff { begin: self.fault, end: nanos() + REDONE };
        (0..WRITER).for_each(|instance| self.database.note(instance, cut_off));
        sleep(Duration::from_millis(at_length(500, 7_000))).await;
        self.database.ending.store(true, Ordering::Relaxed);
        let carried = self.reading.end().await;
        let failed = self.writing.await.expect("who changes does not panic");
        assert!(carried.errors.is_empty() && failed.is_empty(), "{:?} {failed:?}", carried.errors);
        let records = std::mem::take(&mut *self.database.records.lock().expect("nobody panics while noting"));
        let verdict = History::default().judged(&records, bounds());
        assert_eq!(verdict.violated(), 0, "{verdict}");
        measured(row, described(&carried, took, &verdict) + also);
        let within = BODY + BEYOND * if is_at_length() { 1 } else { BUSY };
        assert!(carried.p99() < within, "{:?}", carried.p99());
        assert!(took < follow(), "{took:?}");
    }
}

/// Where other tests run beside these, an instance may be cut off for a moment whenever a server has to wait for a turn.
fn bounds() -> Bounds {
    let max_staleness = if is_at_length() { Duration::from_secs(2) } else { CUT_OFF };
    Bounds { max_staleness, cut_off: CUT_OFF }
}

fn described(carried: &Carried, took: Duration, verdict: &Verdict) -> String {
    let (calls, p99, longest) = (carried.calls(), carried.p99().as_millis(), carried.longest().as_millis());
    let (took, stale) = (took.as_millis(), verdict.worst().as_millis());
    format!("0 errors of {calls}; p99 {p99} ms, longest {longest} ms; shared again after {took} ms; stalest {stale} ms")
}

async fn instance(url: &str) -> Cache {
    let redis = Redis::new(url).expect("the URL is well formed");
    Cache::builder().namespace("shop").l2(redis).build().await.expect("nothing is wrong with this")
}

/// Six of ten calls are for what is hot, by both instances in turn.
fn reader(
    instances: [Cache; WRITER],
    database: Arc<Database>,
) -> impl FnMut(u64) -> futures_util::future::BoxFuture<'static, Result<(), String>> {
    move |number| {
        let who = number as usize % instances.len();
        let (cache, database) = (instances[who].clone(), Arc::clone(&database));
        if fastrand::u8(..10) < 6 {
            Box::pin(async move { cache.scope(read_hot(who, fastrand::u32(..HOT), &database)).await })
        } else {
            Box::pin(async move { cache.scope(read_rare(fastrand::u64(RARE))).await })
        }
    }
}

async fn read_hot(instance: usize, key: u32, database: &Database) -> Result<(), String> {
    let begin = nanos();
    let (of, version) = hot(key, database).await?;
    database.note(instance, Record::Read { key, version, source: 0, begin, end: nanos() });
    if of == key { Ok(()) } else { Err(format!("{key} was given the value of {of}")) }
}

async fn read_rare(id: u64) -> Result<(), String> {
    let value = rare(id).await?;
    if value == id { Ok(()) } else { Err(format!("{id} was given the value of {value}")) }
}

/// Changes one hot key after the other, until it is told to end; what was neither acknowledged nor pending.
async fn change(instances: [Cache; WRITER], database: Arc<Database>) -> Vec<String> {
    let mut failed = Vec::new();
    for cache in instances.iter().cycle() {
        if database.ending.load(Ordering::Relaxed) {
            break;
        }
        let (key, begin) = (fastrand::u32(..HOT), nanos());
        let version = database.versions[key as usize].fetch_add(1, Ordering::SeqCst) + 1;
        let told = cache.scope(async { hot_entry(key).invalidate().await }).await;
        let end = told.is_ok().then(nanos);
        database.note(WRITER, Record::Write { key, version, begin, end });
        failed.extend(told.err().filter(|error| error.kind() != ErrorKind::Pending).map(|error| error.to_string()));
        sleep(BETWEEN_CHANGES).await;
    }
    failed
}
