use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::task::{Context, Waker};

use tempfile::TempDir;

use super::*;
use crate::store::conformance::{Write as _, conformance};
use crate::store::{Found, Tell};

const MINUTE: Duration = Duration::from_secs(60);

/// A file in a directory of its own, and the clock of those who open it.
struct Place {
    dir: TempDir,
    millis: Arc<AtomicU64>,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), millis: Arc::new(AtomicU64::new(1_700_000_000_000)) }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("below").join("cache.redb")
    }

    fn open(&self) -> Embedded {
        Embedded::open_at(&self.path(), Clock::manual(&self.millis)).unwrap()
    }

    fn store(&self) -> EmbeddedStore {
        self.open().into_store().unwrap()
    }

    /// The place as `kill -9` of the process would leave it now.
    fn after_kill(&self) -> Self {
        let killed = Self::new();
        std::fs::create_dir(killed.path().parent().unwrap()).unwrap();
        std::fs::copy(self.path(), killed.path()).unwrap();
        killed.millis.store(self.millis.load(SeqCst), SeqCst);
        killed
    }

    fn pass(&self, time: Duration) {
        self.millis.fetch_add(u64::try_from(time.as_millis()).unwrap(), SeqCst);
    }

    fn length(&self) -> u64 {
        std::fs::metadata(self.path()).unwrap().len()
    }

    /// Works on the file without a thread.
    fn run(&self, disk: &mut Disk, requests: &[Request], max: u64) {
        for answer in disk.run(requests, max, self.millis.load(SeqCst)).unwrap() {
            answer.unwrap();
        }
    }

    fn disk(&self) -> Disk {
        Disk::open(&self.path(), self.millis.load(SeqCst)).unwrap().0
    }

    fn has(&self, disk: &mut Disk, key: &str) -> bool {
        let answer = disk.run(&[read(key)], MAX_BYTES, self.millis.load(SeqCst)).unwrap().pop().unwrap();
        length(&answer.unwrap()).is_some()
    }
}

fn group() -> Stamps {
    Stamps { hash: "stamps".into(), fields: ["g".to_owned()].into(), ..Stamps::default() }
}

fn write(key: impl Into<String>, length: usize, life: Duration) -> Request {
    let tell = Tell { log: String::new(), channel: String::new(), message: Vec::new() };
    let (key, bytes, tags) = (key.into().into(), vec![7; length], Arc::default());
    Request::Commit(Commit { key, expected: None, bytes, is_lease: false, life, tags, tell })
}

fn remove(key: &str) -> Request {
    Request::Remove { keys: vec![key.to_owned()] }
}

async fn get(store: &EmbeddedStore, key: &str) -> Option<Found> {
    store.read(key, &Stamps::default()).await.unwrap().found
}

#[tokio::test]
async fn embedded_keeps_the_contract_of_l2() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path().join("cache.redb")).unwrap().into_store().unwrap();
    conformance(&store).await;
}

#[tokio::test]
async fn entries_and_stamps_survive_a_restart_with_the_rest_of_their_life() {
    let place = Place::new();
    let group = group();
    let store = place.store();
    store.write("k", b"v".to_vec(), MINUTE).await.unwrap();
    assert_eq!(store.stamp(&group, &[5], MINUTE).await.unwrap(), [5]);
    store.close().await.unwrap();

    place.pass(Duration::from_secs(20));
    let store = place.store();
    let reading = store.read("k", &group).await.unwrap();
    assert_eq!(reading.found, Some(Found { bytes: b"v".to_vec(), remaining: Some(Duration::from_secs(40)) }));
    assert_eq!(reading.stamps, [Some(5)]);
    // Dropped instead of closed.
    drop(store);
    assert!(get(&place.store(), "k").await.is_some());
}

#[tokio::test]
async fn an_entry_is_there_until_the_last_millisecond_of_its_life_and_not_longer() {
    let place = Place::new();
    let store = place.store();
    store.write("k", b"v".to_vec(), MINUTE).await.unwrap();
    place.pass(Duration::from_millis(59_999));
    assert_eq!(get(&store, "k").await.unwrap().remaining, Some(Duration::from_millis(1)));
    place.pass(Duration::from_millis(1));
    assert_eq!(get(&store, "k").await, None);
    assert_eq!(store.scan("", 0).await.unwrap().keys, Vec::<String>::new());
}

#[tokio::test]
async fn a_wall_clock_set_back_lengthens_no_life() {
    let place = Place::new();
    let store = place.store();
    store.write("k", b"v".to_vec(), MINUTE).await.unwrap();
    store.stamp(&group(), &[5], MINUTE).await.unwrap();
    let set_back = place.millis.load(SeqCst) - 3_600_000;

    let time = place.millis.swap(set_back, SeqCst);
    assert_eq!(get(&store, "k").await.unwrap().remaining, Some(MINUTE), "not an hour more");
    place.millis.store(time, SeqCst);
    store.close().await.unwrap();

    place.millis.store(set_back, SeqCst);
    let store = place.store();
    let reading = store.read("k", &group()).await.unwrap();
    assert_eq!(reading.found, None, "its age is not known");
    assert_eq!(reading.stamps, [Some(5)], "stamps have no age");
    store.write("k", b"v".to_vec(), MINUTE).await.unwrap();
    place.pass(MINUTE);
    assert_eq!(get(&store, "k").await, None);
}

#[tokio::test]
async fn a_second_open_says_who_has_the_file_and_closing_frees_it() {
    let place = Place::new();
    let store = place.store();
    let error = Embedded::open(place.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let expected = format!(
        "the embedded cache {} is open in another process; give each process its own path",
        place.path().display()
    );
    assert_eq!(error.to_string(), expected);
    store.close().await.unwrap();
    drop(place.open());

    let store = place.store();
    drop(store);
    drop(place.open());
}

#[test]
fn a_file_of_something_else_is_refused_with_the_cure_and_left_as_it_was() {
    let place = Place::new();
    std::fs::create_dir(place.path().parent().unwrap()).unwrap();
    let foreign = b"my only copy of something dear ".repeat(1_000);
    std::fs::write(place.path(), &foreign).unwrap();
    let error = Embedded::open(place.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    let text = error.to_string();
    assert!(text.contains(&place.path().display().to_string()) && text.contains("delete the file"), "{text}");
    assert_eq!(std::fs::read(place.path()).unwrap(), foreign);

    // As a directory.
    let error = Embedded::open(place.path().join("cache.redb")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().ends_with("choose a path this user may write to"), "{error}");
}

#[test]
fn debug_shows_the_path_alone() {
    let place = Place::new();
    assert_eq!(format!("{:?}", place.open()), format!("Embedded {{ path: {:?}, .. }}", place.path()));
}

#[tokio::test]
async fn after_close_everything_is_unavailable_and_closing_again_is_no_error() {
    let place = Place::new();
    let store = place.store();
    assert_eq!(store.describe(), format!("embedded ({})", place.path().display()));
    store.ping().await.unwrap();
    store.close().await.unwrap();
    assert_eq!(store.ping().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(store.write("k", vec![], MINUTE).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(store.read("k", &Stamps::default()).await.unwrap_err().kind(), ErrorKind::Unavailable);
    store.close().await.unwrap();
}

#[tokio::test]
async fn callers_that_give_up_do_no_harm() {
    let place = Place::new();
    let store = place.store();
    let mut context = Context::from_waker(Waker::noop());
    for i in 0..100 {
        let key = format!("k{i}");
        let _ = store.write(&key, vec![0; 1 << 20], MINUTE).as_mut().poll(&mut context);
        let _ = store.read(&key, &Stamps::default()).as_mut().poll(&mut context);
    }
    // The queue was full in between: it has room again, and its order held.
    store.write("k0", b"new".to_vec(), MINUTE).await.unwrap();
    assert_eq!(get(&store, "k0").await.unwrap().bytes, b"new");
    assert_eq!(store.room.available_permits(), QUEUE as usize);
    let _ = store.close().as_mut().poll(&mut context);
    drop(store);
    assert!(get(&place.store(), "k0").await.is_some());
}

/// What `look` finds in the file as a kill leaves it, right after `last` was done to what had been made durable.
fn after_kill(durable: &[Request], last: Request, look: Request) -> Response {
    let place = Place::new();
    let mut disk = place.disk();
    place.run(&mut disk, durable, MAX_BYTES);
    disk.sync(place.millis.load(SeqCst)).unwrap();
    place.run(&mut disk, &[last], MAX_BYTES);
    let killed = place.after_kill();
    let now = killed.millis.load(SeqCst);
    killed.disk().run(&[look], MAX_BYTES, now).unwrap().pop().unwrap().unwrap()
}

fn read(key: &str) -> Request {
    Request::Read { key: key.to_owned(), stamps: Stamps::default() }
}

fn length(response: &Response) -> Option<usize> {
    let Response::Reading(reading) = response else { panic!("{response:?}") };
    reading.found.as_ref().map(|found| found.bytes.len())
}

#[test]
fn what_was_removed_or_replaced_does_not_come_back_after_a_kill() {
    let old = [write("k", 9, MINUTE)];
    assert_eq!(length(&after_kill(&old, remove("k"), read("k"))), None);
    assert_eq!(length(&after_kill(&old, write("k", 500, MINUTE), read("k"))), Some(500));

    let stamped = Request::Stamp { stamps: group(), fresh: vec![1], life: MINUTE };
    let unstamped = Request::Unstamp { stamps: group() };
    let groups = after_kill(&[stamped], unstamped, Request::Groups { hash: "stamps".into() });
    assert!(matches!(groups, Response::Groups(groups) if groups.is_empty()));
}

#[test]
fn a_kill_loses_new_entries_of_the_last_second_and_no_others() {
    let old = [write("k", 9, MINUTE)];
    assert_eq!(length(&after_kill(&old, write("new", 9, MINUTE), read("k"))), Some(9));
    assert_eq!(length(&after_kill(&old, write("new", 9, MINUTE), read("new"))), None, "else this check checks nothing");
}

#[test]
fn a_key_invalidated_after_its_eviction_does_not_come_back_after_a_kill() {
    let place = Place::new();
    let max = 100_000;
    let mut disk = place.disk();
    place.run(&mut disk, &[write("soon", 9, MINUTE)], max);
    for i in 0.. {
        disk.sync(place.millis.load(SeqCst)).unwrap();
        place.run(&mut disk, &[write(format!("late{i}"), 900, MINUTE * 9)], max);
        if !place.has(&mut disk, "soon") {
            break;
        }
    }
    place.run(&mut disk, &[remove("soon")], max);
    let killed = place.after_kill();
    assert!(!killed.has(&mut killed.disk(), "soon"));
}

#[tokio::test]
async fn entries_and_file_stay_within_their_bounds_and_the_soonest_expiring_go_first() {
    let place = Place::new();
    let max = 1 << 20;
    let mut disk = place.disk();
    let lives = |i: u64| Duration::from_secs(60 + (i * 7_919) % 1_000);
    let length = |i: u64| usize::try_from(100 + (i * 104_729) % 9_000).unwrap();
    let mut written = 0;
    let mut i = 0;
    while written < 10 * max {
        let batch: Vec<_> = (i..i + 10).map(|i| write(format!("k{i}"), length(i), lives(i))).collect();
        written += batch.iter().map(Request::weight).sum::<u64>();
        i += 10;
        place.run(&mut disk, &batch, max);
        assert!(disk.weight().unwrap() <= max);
        assert!(place.length() <= 4 * max + (8 << 20), "the file has {} bytes", place.length());
    }
    assert!(disk.weight().unwrap() > max / 2, "no more is removed than needed");
    place.run(&mut disk, &[write("soonest", 10, Duration::from_secs(1)), write("latest", 10, MINUTE * 60)], max);
    for j in i..i + 100 {
        place.run(&mut disk, &[write(format!("k{j}"), 9_000, MINUTE * 30)], max);
    }
    assert!(!place.has(&mut disk, "soonest") && place.has(&mut disk, "latest"));
}

#[tokio::test]
async fn a_value_larger_than_the_bound_is_refused_and_takes_the_old_one_with_it() {
    let place = Place::new();
    let store = place.open().max_bytes(10_000).into_store().unwrap();
    store.write("k", vec![1; 100], MINUTE).await.unwrap();
    store.write("other", vec![1; 100], MINUTE).await.unwrap();
    let error = store.write("k", vec![1; 20_000], MINUTE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.to_string().contains("max_bytes"), "{error}");
    assert_eq!(get(&store, "k").await, None);
    assert!(get(&store, "other").await.is_some());
}

#[test]
fn expired_entries_are_freed_in_batches_and_their_room_is_used_again() {
    let place = Place::new();
    let mut disk = place.disk();
    let mut lengths = Vec::new();
    for round in 0..6 {
        for i in 0..50 {
            let batch: Vec<_> = (0..20).map(|j| write(format!("{round}:{i}:{j}"), 3_000, MINUTE)).collect();
            place.run(&mut disk, &batch, MAX_BYTES);
        }
        let now = place.millis.load(SeqCst);
        disk.sync(now).unwrap();
        lengths.push(place.length());
        let (freed, next) = disk.sweep(256, now).unwrap();
        assert_eq!((freed, next), (0, Some(now + 60_000)), "nothing has expired yet");
        place.pass(MINUTE);
        let now = place.millis.load(SeqCst);
        let freed: Vec<_> = (0..5).map(|_| disk.sweep(256, now).unwrap().0).collect();
        assert_eq!(freed, [256, 256, 256, 232, 0]);
        assert_eq!(disk.weight().unwrap(), 0);
        disk.sync(now).unwrap();
    }
    assert!(lengths[5] <= lengths[0] * 2, "{lengths:?}");
    let full = place.length();
    drop(disk);
    drop(place.disk());
    assert!(place.length() < full / 4, "compacted at opening: {} of {full}", place.length());
}

#[test]
fn a_replaced_entry_is_freed_at_the_end_of_its_new_life() {
    let place = Place::new();
    let mut disk = place.disk();
    place.run(&mut disk, &[write("k", 9, MINUTE)], MAX_BYTES);
    place.run(&mut disk, &[write("k", 9, MINUTE * 2)], MAX_BYTES);
    place.pass(MINUTE);
    assert_eq!(disk.sweep(256, place.millis.load(SeqCst)).unwrap().0, 0);
    assert!(place.has(&mut disk, "k"));
    place.pass(MINUTE);
    assert_eq!(disk.sweep(256, place.millis.load(SeqCst)).unwrap().0, 1);
}

#[tokio::test]
async fn the_worker_frees_what_expires_without_being_asked() {
    let place = Place::new();
    let store = place.store();
    for i in 0..10 {
        store.write(&format!("k{i}"), vec![1; 100], MINUTE).await.unwrap();
    }
    store.close().await.unwrap();
    let store = place.store();
    assert!(place.after_kill().disk().weight().unwrap() > 0);
    place.pass(MINUTE);
    // The worker sleeps by the real clock; anything wakes it.
    store.ping().await.unwrap();
    let begin = std::time::Instant::now();
    loop {
        let killed = place.after_kill();
        if killed.disk().weight().unwrap() == 0 {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "nothing was freed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_abandoned_scan_is_told_to_begin_again() {
    let place = Place::new();
    let store = place.store();
    let error = store.scan("", u64::MAX).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert!(error.to_string().contains("begin it again"));
}

/// A disk that can become full.
#[derive(Debug)]
struct Full(redb::backends::InMemoryBackend, Arc<AtomicBool>);

impl Full {
    fn check(&self) -> std::io::Result<()> {
        if self.1.load(SeqCst) { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl redb::StorageBackend for Full {
    fn len(&self) -> std::io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.check()?;
        self.0.set_len(len)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.check()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.check()?;
        self.0.write(offset, data)
    }
}

#[tokio::test]
async fn trouble_of_the_disk_is_an_error_with_its_source_and_the_file_is_opened_anew() {
    let place = Place::new();
    let full = Arc::new(AtomicBool::new(false));
    let backend = Full(redb::backends::InMemoryBackend::new(), full.clone());
    let disk = Disk::of(redb::Database::builder().create_with_backend(backend).unwrap());
    let store = Embedded { disk, ..place.open() }.into_store().unwrap();
    store.write("k", b"v".to_vec(), MINUTE).await.unwrap();
    full.store(true, SeqCst);

    let error = store.remove(&["k".to_owned()]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains(&place.path().display().to_string()), "{error}");
    assert!(std::error::Error::source(&error).is_some());
    let begin = std::time::Instant::now();
    while let Err(error) = store.write("k", b"v".to_vec(), MINUTE).await {
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(begin.elapsed() < Duration::from_secs(5), "not opened anew: {error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(get(&store, "k").await.is_some());
}

/// What a value's own bytes say is the envelope's business; a broken structure is ours.
#[cfg(unix)]
#[tokio::test]
async fn a_file_damaged_while_it_is_used_costs_one_error_and_begins_anew() {
    let mut begun_anew = 0;
    for page in (2..40).step_by(4) {
        let place = Place::new();
        drop(place.open());
        // Without a page cache, so that what is on the disk is what is seen.
        let db = redb::Database::builder().set_cache_size(0).create(place.path()).unwrap();
        let mut disk = Disk::of(db);
        let entries: Vec<_> = (0..300).map(|i| write(format!("k{i}"), i, MINUTE)).collect();
        place.run(&mut disk, &entries, MAX_BYTES);
        disk.sync(place.millis.load(SeqCst)).unwrap();
        let file = std::fs::File::options().write(true).open(place.path()).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &[0; 4_096], page * 4_096).unwrap();

        let (path, clock) = (place.path(), Clock::manual(&place.millis));
        let errors = exercise(&Embedded { path, max_bytes: MAX_BYTES, clock, disk }.into_store().unwrap()).await;
        assert!(errors.iter().all(|error| error.kind() == ErrorKind::Io), "page {page}: {errors:?}");
        assert!(errors.len() <= 1, "it begins anew after the first: page {page}: {errors:?}");
        begun_anew += errors.len();
    }
    assert!(begun_anew > 3, "pages in use were damaged: {begun_anew}");
}

/// Uses the whole store; answers the errors.
#[cfg(unix)]
async fn exercise(store: &EmbeddedStore) -> Vec<Error> {
    let mut errors = Vec::new();
    for i in (0..300).step_by(30) {
        let key = format!("k{i}");
        let group = Stamps { fields: [key.clone()].into(), ..group() };
        errors.extend(store.read(&key, &group).await.err());
        errors.extend(store.write(&key, vec![1; 50], MINUTE).await.err());
        errors.extend(store.stamp(&group, &[1], MINUTE).await.err());
    }
    errors.extend(store.remove(&(0..300).map(|i| format!("k{i}")).collect::<Vec<_>>()).await.err());
    errors.extend(store.scan("", 0).await.err());
    errors
}
