//! What every L2 must do, whatever it is made of; each store's tests run it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{Commit, Op, Page, Sent, Stamps, Store, Swap, Tell, Wanted, tag_life};
use crate::error::Result;

const LONG: Duration = Duration::from_secs(60);
/// Short, on the store's own clock; whoever waits for its end asks the store.
const SHORT: Duration = Duration::from_millis(60);

/// Checks `store`, under keys of its own: the store may be in use.
pub(crate) async fn conformance(store: &dyn Store) {
    let at = format!("conformance-{:016x}", fastrand::u64(..));
    store.ping().await.expect("ping");
    assert!(!store.describe().is_empty());
    absent_things_are_no_errors(store, &at).await;
    bytes_come_back_as_written_with_what_is_left_of_their_life(store, &at).await;
    a_write_replaces_value_and_life(store, &at).await;
    a_short_life_ends_and_the_long_one_beside_it_does_not(store, &at).await;
    remove_takes_all_and_only_the_keys_named(store, &at).await;
    a_stamp_holds_until_it_is_removed(store, &at).await;
    a_tags_stamp_holds_until_it_is_removed(store, &at).await;
    a_tags_stamp_lives_for_as_long_as_its_longest_entry(store, &at).await;
    a_lease_is_held_by_one_and_voided_by_a_removal(store, &at).await;
    a_swap_replaces_only_what_is_expected(store, &at).await;
    a_commit_replaces_what_is_expected_and_removes_anything_else(store, &at).await;
    what_is_committed_is_told_where_there_is_somebody(store, &at).await;
    many_are_read_as_each_by_itself(store, &at).await;
    heads_are_what_begins_each_value(store, &at).await;
    many_are_written_as_each_by_itself(store, &at).await;
    many_are_swapped_as_each_by_itself(store, &at).await;
    a_lease_that_was_committed_is_as_one_that_was_claimed(store, &at).await;
    scan_finds_every_key_under_its_start_and_no_other(store, &at).await;
    scan_finds_the_keys_that_stay_while_others_come_and_go(store, &at).await;
}

/// Stores unconditionally: what most checks begin with.
pub(crate) trait Write {
    fn write(&self, key: &str, bytes: Vec<u8>, life: Duration) -> Op<'_, ()>;
}

impl<S: Store + ?Sized> Write for S {
    fn write(&self, key: &str, bytes: Vec<u8>, life: Duration) -> Op<'_, ()> {
        let commit = self.commit(commit(key, None, bytes, life));
        Box::pin(async move { commit.await.map(|done| assert!(done.stored, "nothing was expected")) })
    }
}

fn commit(key: &str, expected: Option<&[u8]>, bytes: Vec<u8>, life: Duration) -> Commit {
    let tell = Tell { log: "conformance-log".into(), channel: "conformance-bus".into(), message: b"told".to_vec() };
    Commit {
        key: key.into(),
        expected: expected.map(Into::into),
        bytes,
        is_lease: false,
        life,
        tags: Arc::default(),
        tell,
    }
}

async fn stored(store: &dyn Store, commit: Commit) -> Result<bool> {
    store.commit(commit).await.map(|done| done.stored)
}

fn names(of: &[&str]) -> Vec<String> {
    of.iter().map(|name| (*name).to_owned()).collect()
}

fn fields(hash: &str, fields: &[&str]) -> Stamps {
    Stamps { hash: hash.into(), fields: names(fields).into(), tags: [].into() }
}

fn none() -> Stamps {
    Stamps::default()
}

async fn bytes_at(store: &dyn Store, key: &str) -> Option<Vec<u8>> {
    store.read(key, &none()).await.expect("read").found.map(|found| found.bytes)
}

async fn absent_things_are_no_errors(store: &dyn Store, at: &str) {
    let (key, hash) = (format!("{at}:absent"), format!("{at}:no-groups"));
    let reading = store.read(&key, &fields(&hash, &["a", "b"])).await.expect("read");
    assert_eq!((reading.found, reading.stamps), (None, vec![None, None]));
    store.remove(std::slice::from_ref(&key)).await.expect("remove an absent key");
    store.remove(&[]).await.expect("remove nothing");
    store.unstamp(&fields(&hash, &["a"])).await.expect("unstamp an absent group");
    store.unstamp(&fields(&hash, &[])).await.expect("unstamp nothing");
    assert_eq!(store.stamp(&fields(&hash, &[]), &[], LONG).await.expect("stamp nothing"), Vec::<u64>::new());
    assert_eq!(store.groups(&hash).await.expect("groups"), Vec::<String>::new());
    assert_eq!(all(store, &format!("{at}:absent")).await, BTreeSet::new());
}

async fn bytes_come_back_as_written_with_what_is_left_of_their_life(store: &dyn Store, at: &str) {
    let every_byte: Vec<u8> = (0..=255).collect();
    for (name, bytes) in [("empty", vec![]), ("bytes", every_byte), ("large", vec![7; 300_000])] {
        let key = format!("{at}:value:{name}");
        store.write(&key, bytes.clone(), LONG).await.expect("write");
        let found = store.read(&key, &none()).await.expect("read").found.expect("the value just written");
        assert_eq!(found.bytes, bytes, "{name}");
        let left = found.remaining.expect("a life");
        assert!(left <= LONG && left > LONG / 2, "{name}: {left:?} of {LONG:?} left");
    }
}

async fn a_write_replaces_value_and_life(store: &dyn Store, at: &str) {
    let key = format!("{at}:replaced");
    store.write(&key, b"old and longer".to_vec(), LONG).await.expect("write");
    store.write(&key, b"new".to_vec(), LONG * 10).await.expect("write");
    let found = store.read(&key, &none()).await.expect("read").found.expect("the second value");
    assert_eq!(found.bytes, b"new");
    assert!(found.remaining.expect("a life") > LONG, "the first write's life is gone with its value");
}

async fn a_short_life_ends_and_the_long_one_beside_it_does_not(store: &dyn Store, at: &str) {
    let (short, long) = (format!("{at}:life:short"), format!("{at}:life:long"));
    store.write(&long, b"long".to_vec(), LONG).await.expect("write");
    store.write(&short, b"short".to_vec(), SHORT).await.expect("write");
    let begin = std::time::Instant::now();
    while bytes_at(store, &short).await.is_some() {
        assert!(begin.elapsed() < Duration::from_secs(5), "a life of {SHORT:?} has not ended");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(all(store, &format!("{at}:life:")).await, BTreeSet::from([long.clone()]), "expired keys are not listed");
    assert_eq!(bytes_at(store, &long).await.as_deref(), Some(&b"long"[..]));
}

async fn remove_takes_all_and_only_the_keys_named(store: &dyn Store, at: &str) {
    let keys: Vec<_> = (0..50).map(|i| format!("{at}:removed:{i}")).collect();
    for key in &keys {
        store.write(key, b"x".to_vec(), LONG).await.expect("write");
    }
    store.remove(&keys[1..]).await.expect("remove");
    for (i, key) in keys.iter().enumerate() {
        assert_eq!(bytes_at(store, key).await.is_some(), i == 0, "{key}");
    }
}

async fn a_stamp_holds_until_it_is_removed(store: &dyn Store, at: &str) {
    let (hash, other) = (format!("{at}:groups"), format!("{at}:groups2"));
    let (a, ab, others) = (fields(&hash, &["a"]), fields(&hash, &["a", "b"]), fields(&other, &["a"]));
    assert_eq!(store.stamp(&a, &[1], LONG).await.expect("stamp"), [1]);
    assert_eq!(store.stamp(&ab, &[8, u64::MAX], LONG).await.expect("stamp"), [1, u64::MAX], "only b had none");
    assert_eq!(store.stamp(&ab, &[9, 9], LONG).await.expect("stamp"), [1, u64::MAX]);
    assert_eq!(store.stamp(&others, &[5], LONG).await.expect("stamp"), [5], "another hash has its own");

    let asked = fields(&hash, &["b", "absent", "a"]);
    let stamps = store.read("absent", &asked).await.expect("read").stamps;
    assert_eq!(stamps, [Some(u64::MAX), None, Some(1)], "in the order asked for");
    let mut groups = store.groups(&hash).await.expect("groups");
    groups.sort();
    assert_eq!(groups, ["a", "b"]);

    store.unstamp(&a).await.expect("unstamp");
    assert_eq!(store.groups(&hash).await.expect("groups"), ["b"]);
    assert_eq!(store.groups(&other).await.expect("groups"), ["a"]);
    assert_eq!(store.stamp(&a, &[3], LONG).await.expect("stamp"), [3], "a removed stamp does not come back");
    store.unstamp(&ab).await.expect("unstamp");
    store.unstamp(&others).await.expect("unstamp");
    assert_eq!(store.groups(&hash).await.expect("groups"), Vec::<String>::new());
}

fn tags(at: &str, fields: &[&str], tags: &[&str]) -> Stamps {
    let tags: Vec<_> = tags.iter().map(|tag| format!("{at}:@tag:{tag}")).collect();
    Stamps { hash: format!("{at}:tagged").into(), fields: names(fields).into(), tags: tags.into() }
}

async fn a_tags_stamp_holds_until_it_is_removed(store: &dyn Store, at: &str) {
    let (one, both) = (tags(at, &["n"], &["1"]), tags(at, &["n", "p"], &["1", "2"]));
    assert_eq!(store.stamp(&one, &[1, 2], LONG).await.expect("stamp"), [1, 2], "fields first");
    assert_eq!(store.stamp(&both, &[9, 3, 9, u64::MAX], LONG).await.expect("stamp"), [1, 3, 2, u64::MAX]);
    let asked = tags(at, &["p"], &["2", "absent", "1"]);
    let stamps = store.read("absent", &asked).await.expect("read").stamps;
    assert_eq!(stamps, [Some(3), Some(u64::MAX), None, Some(2)], "in the order asked for, fields first");
    assert_eq!(store.groups(&one.hash).await.expect("groups").len(), 2, "a tag is none of them");

    store.unstamp(&tags(at, &[], &["1", "absent"])).await.expect("unstamp");
    assert_eq!(store.read("absent", &both).await.expect("read").stamps, [Some(1), Some(3), None, Some(u64::MAX)]);
    assert_eq!(store.stamp(&both, &[7; 4], LONG).await.expect("stamp"), [1, 3, 7, u64::MAX], "it does not come back");
    store.remove(&both.tags[1..]).await.expect("remove");
    assert_eq!(store.read("absent", &both).await.expect("read").stamps[3], None, "removed as a key, as by hand");
    store.touch(&both).await.expect("touch, also what is absent");
    store.unstamp(&both).await.expect("unstamp");
}

/// A tag lives for as long as what carries it; so nothing is left of tags that nothing carries any more.
async fn a_tags_stamp_lives_for_as_long_as_its_longest_entry(store: &dyn Store, at: &str) {
    let (short, long) = (tags(at, &[], &["short"]), tags(at, &[], &["long"]));
    let left = async |stamps: &Stamps| {
        let found = store.read(&stamps.tags[0], &none()).await.expect("read").found;
        found.map(|tag| tag.remaining.expect("a tag ends"))
    };
    for (stamps, life) in [(&short, SHORT), (&long, LONG / 2)] {
        store.stamp(stamps, &[1], life).await.expect("stamp");
    }
    store.stamp(&long, &[2], LONG).await.expect("stamp");
    assert!(left(&long).await > Some(LONG), "made for a longer one, it is kept longer");
    store.stamp(&long, &[2], SHORT).await.expect("stamp");
    assert!(left(&long).await > Some(LONG), "and never shorter");

    let key = format!("{at}:tagged:fill");
    let fill = async |life, stamps: &Stamps| {
        assert_eq!(store.claim(&key, b"lease", LONG).await.expect("claim"), None);
        assert!(store.swap(&key, b"lease", b"value".to_vec(), life, &stamps.tags).await.expect("swap"));
        store.remove(std::slice::from_ref(&key)).await.expect("remove");
    };
    fill(LONG * 2, &long).await;
    assert!(left(&long).await > Some(LONG * 2) && left(&long).await <= Some(tag_life(LONG * 2)), "a fill extends it");
    assert_eq!(store.stamp(&long, &[9], LONG).await.expect("stamp"), [1], "and leaves it as it is");

    let begin = std::time::Instant::now();
    while left(&short).await.is_some() {
        assert!(begin.elapsed() < Duration::from_secs(5), "the stamp of a tag has not ended");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    fill(LONG, &short).await;
    assert_eq!(left(&short).await, None, "a fill makes no stamp: the value that carries the old one is dead");
    store.unstamp(&long).await.expect("unstamp");
}

async fn many_are_swapped_as_each_by_itself(store: &dyn Store, at: &str) {
    let key = |name: &str| format!("{at}:swapped:{name}");
    let swap = |name: &str, expected: &[u8], bytes: &[u8]| Swap {
        key: key(name).into(),
        expected: expected.into(),
        bytes: bytes.to_vec(),
        life: LONG,
        tags: Arc::default(),
    };
    for (name, held) in [("mine", "lease-1"), ("theirs", "lease-2"), ("tagged", "lease-3")] {
        assert_eq!(store.claim(&key(name), held.as_bytes(), LONG).await.expect("claim"), None);
    }
    let tag = Stamps { tags: [key("tag")].into(), ..none() };
    assert_eq!(store.stamp(&tag, &[1], LONG).await.expect("stamp"), [1]);
    let swaps = vec![
        swap("mine", b"lease-1", b"value"),
        swap("theirs", b"lease-1", b"value"),
        swap("absent", b"lease-1", b"value"),
        Swap { tags: Arc::clone(&tag.tags), ..swap("tagged", b"lease-3", b"tagged") },
    ];
    let swapped = store.swap_many(swaps).await.expect("swaps");
    let swapped: Vec<bool> = swapped.into_iter().map(|one| one.expect("swap")).collect();
    assert_eq!(swapped, [true, false, false, true], "in their order");
    for (name, value) in [("mine", Some(&b"value"[..])), ("absent", None), ("tagged", Some(b"tagged"))] {
        assert_eq!(bytes_at(store, &key(name)).await.as_deref(), value, "{name}");
    }
    assert_eq!(store.claim(&key("theirs"), b"any", LONG).await.expect("claim").as_deref(), Some(&b"lease-2"[..]));
    assert!(store.swap_many(Vec::new()).await.expect("none").is_empty());
}

async fn a_lease_that_was_committed_is_as_one_that_was_claimed(store: &dyn Store, at: &str) {
    let key = format!("{at}:committed-lease");
    let lease = |expected, bytes| Commit { is_lease: true, ..commit(&key, expected, bytes, LONG) };
    store.write(&key, b"value".to_vec(), LONG).await.expect("write");
    assert!(stored(store, lease(Some(b"val"), b"lease-1".to_vec())).await.expect("commit"));
    assert_eq!(store.claim(&key, b"lease-2", LONG).await.expect("claim").as_deref(), Some(&b"lease-1"[..]));
    assert!(store.extend(&key, b"lease-1", LONG).await.expect("extend"));
    assert!(!store.swap(&key, b"lease-2", b"other".to_vec(), LONG, &[]).await.expect("swap"));
    assert!(store.swap(&key, b"lease-1", b"later".to_vec(), LONG, &[]).await.expect("swap"));
    assert_eq!(bytes_at(store, &key).await.as_deref(), Some(&b"later"[..]));

    assert!(stored(store, lease(None, b"lease-3".to_vec())).await.expect("commit"));
    store.remove(std::slice::from_ref(&key)).await.expect("remove");
    assert!(!store.swap(&key, b"lease-3", b"old".to_vec(), LONG, &[]).await.expect("swap"), "a removal voids it");
    assert!(stored(store, lease(None, b"lease-4".to_vec())).await.expect("commit"));
    assert!(store.release(&key, b"lease-4").await.expect("release"));
    assert_eq!(store.claim(&key, b"lease-5", LONG).await.expect("claim"), None, "it was given back");
}

async fn scan_finds_every_key_under_its_start_and_no_other(store: &dyn Store, at: &str) {
    let start = format!("{at}:scan:");
    // `*` and `[` are ordinary letters of a start.
    let odd = format!("{at}:scan[*");
    let keys: BTreeSet<_> = (0..1_300).map(|i| format!("{start}{i}")).collect();
    for key in keys.iter().chain([&odd, &format!("{at}:scam:"), &format!("{at}:scan")]) {
        store.write(key, b"x".to_vec(), LONG).await.expect("write");
    }
    assert_eq!(all(store, &start).await, keys);
    assert_eq!(all(store, &odd).await, BTreeSet::from([odd.clone()]));
    store.remove(&keys.into_iter().collect::<Vec<_>>()).await.expect("remove");
    assert_eq!(all(store, &start).await, BTreeSet::new());
}

async fn scan_finds_the_keys_that_stay_while_others_come_and_go(store: &dyn Store, at: &str) {
    let start = format!("{at}:moving:");
    let (stay, go): (Vec<_>, Vec<_>) = (0..300).map(|i| (format!("{start}{i}:a"), format!("{start}{i}:b"))).unzip();
    for key in stay.iter().chain(&go) {
        store.write(key, b"x".to_vec(), LONG).await.expect("write");
    }
    let mut found = BTreeSet::new();
    let mut cursor = 0;
    for step in 0.. {
        let page = store.scan(&start, cursor).await.expect("scan");
        found.extend(page.keys);
        let Some(next) = page.next else { break };
        cursor = next;
        if let Some(gone) = go.get(step * 100..(step + 1) * 100) {
            store.remove(gone).await.expect("remove");
        }
        store.write(&format!("{start}{step}:new"), b"x".to_vec(), LONG).await.expect("write");
    }
    assert!(stay.iter().all(|key| found.contains(key)));
    store.remove(&found.into_iter().collect::<Vec<_>>()).await.expect("remove");
}

async fn all(store: &dyn Store, start: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut cursor = Some(0);
    while let Some(at) = cursor {
        let Page { keys, next } = store.scan(start, at).await.expect("scan");
        found.extend(keys);
        cursor = next;
    }
    found
}

async fn a_lease_is_held_by_one_and_voided_by_a_removal(store: &dyn Store, at: &str) {
    let key = format!("{at}:lease");
    assert_eq!(store.claim(&key, b"one", LONG).await.expect("claim"), None);
    assert_eq!(store.claim(&key, b"two", LONG).await.expect("claim"), Some(b"one".to_vec()));
    assert!(!store.swap(&key, b"two", b"value".to_vec(), LONG, &[]).await.expect("swap"));
    assert!(
        store.extend(&key, b"one", LONG).await.expect("extend")
            && !store.extend(&key, b"two", LONG).await.expect("extend")
    );
    store.remove(std::slice::from_ref(&key)).await.expect("remove");
    assert!(!store.swap(&key, b"one", b"value".to_vec(), LONG, &[]).await.expect("swap"), "a removal voids the lease");
    assert_eq!(bytes_at(store, &key).await, None);
    assert_eq!(store.claim(&key, b"three", LONG).await.expect("claim"), None);
    assert!(
        !store.release(&key, b"one").await.expect("release") && store.release(&key, b"three").await.expect("release")
    );
    assert_eq!(store.claim(&key, b"short", SHORT).await.expect("claim"), None);
    while store.claim(&key, b"next", LONG).await.expect("claim").is_some() {
        tokio::task::yield_now().await;
    }
    assert!(store.swap(&key, b"next", b"value".to_vec(), LONG, &[]).await.expect("swap"));
    assert_eq!(bytes_at(store, &key).await, Some(b"value".to_vec()));
    store.remove(&[key]).await.expect("remove");
}

async fn a_swap_replaces_only_what_is_expected(store: &dyn Store, at: &str) {
    let key = format!("{at}:swap");
    assert!(!store.swap(&key, b"", b"made".to_vec(), LONG, &[]).await.expect("swap"), "a key that is gone is not made");
    store.write(&key, b"first value".to_vec(), LONG).await.expect("write");
    assert_eq!(store.claim(&key, b"lease", LONG).await.expect("claim"), Some(b"first value".to_vec()));
    assert!(!store.swap(&key, b"second", b"third".to_vec(), LONG, &[]).await.expect("swap"));
    assert!(store.swap(&key, b"first", b"second value".to_vec(), LONG, &[]).await.expect("swap"));
    assert_eq!(bytes_at(store, &key).await, Some(b"second value".to_vec()));
    assert!(!store.release(&key, b"first").await.expect("release"));
    assert!(store.release(&key, b"second").await.expect("release"));
    assert_eq!(bytes_at(store, &key).await, None);
}

async fn a_commit_replaces_what_is_expected_and_removes_anything_else(store: &dyn Store, at: &str) {
    let key = format!("{at}:commit");
    let over =
        async |expected: &[u8], bytes: &[u8]| stored(store, commit(&key, Some(expected), bytes.to_vec(), LONG)).await;
    assert!(!over(b"a lease", b"1").await.expect("commit"), "a key that is gone is not made");
    assert_eq!(bytes_at(store, &key).await, None);
    assert_eq!(store.claim(&key, b"a lease", LONG).await.expect("claim"), None);
    assert!(over(b"a lease", b"first value").await.expect("commit"));
    let found = store.read(&key, &none()).await.expect("read").found.expect("the value just committed");
    assert_eq!(found.bytes, b"first value");
    assert!(found.remaining.expect("a life") > LONG / 2);
    assert!(over(b"first", b"second value").await.expect("commit"));
    assert!(!over(b"first", b"third value").await.expect("commit"));
    assert_eq!(bytes_at(store, &key).await, None, "nobody knows which of the two is newer");
    assert_eq!(store.claim(&key, b"a lease", LONG).await.expect("claim"), None);
    assert!(!over(b"another", b"value").await.expect("commit"), "nor does another's lease stay");
    assert_eq!(store.claim(&key, b"a lease", LONG).await.expect("claim"), None);
    store.remove(&[key]).await.expect("remove");
}

async fn what_is_committed_is_told_where_there_is_somebody(store: &dyn Store, at: &str) {
    let Some(shared) = store.shared() else { return };
    let key = format!("{at}:told");
    let log = format!("{at}:log");
    let entries = async || shared.read_log(&log, "0", 9).await.expect("read the log").len();
    for (expected, stored, told) in [(None, true, 1), (Some(&b"v"[..]), true, 2), (Some(&b"other"[..]), false, 3)] {
        let mut commit = commit(&key, expected, b"v".to_vec(), LONG);
        commit.tell.log.clone_from(&log);
        assert_eq!(self::stored(store, commit).await.expect("commit"), stored);
        assert_eq!(entries().await, told, "{expected:?}");
    }
}

async fn many_are_read_as_each_by_itself(store: &dyn Store, at: &str) {
    let (here, other, gone) = (format!("{at}:many:here"), format!("{at}:many:other"), format!("{at}:many:gone"));
    let hash = format!("{at}:many-groups");
    let tag = format!("{at}:many-tag");
    let all = Stamps { tags: names(&[&tag]).into(), ..fields(&hash, &["a", "b"]) };
    store.stamp(&all, &[1, 2, 3], LONG).await.expect("stamp");
    store.write(&here, vec![0, 255], LONG).await.expect("write");
    store.write(&other, vec![], LONG * 10).await.expect("write");
    let wanted = |key: &str, of: &[&str]| Wanted { key: key.into(), stamps: fields(&hash, of) };
    let tagged = Wanted { key: here.as_str().into(), stamps: all.clone() };
    let wanted = [wanted(&other, &["b", "c"]), wanted(&gone, &["a"]), tagged, wanted(&other, &[])];
    let readings = store.read_many(&wanted).await.expect("read many");
    let readings: Vec<_> = readings.into_iter().map(|reading| reading.expect("no foreign type")).collect();
    let bytes = readings.iter().map(|reading| reading.found.as_ref().map(|found| found.bytes.clone()));
    assert_eq!(bytes.collect::<Vec<_>>(), [Some(vec![]), None, Some(vec![0, 255]), Some(vec![])]);
    let stamps: Vec<_> = readings.iter().map(|reading| reading.stamps.clone()).collect();
    assert_eq!(stamps, [vec![Some(2), None], vec![Some(1)], vec![Some(1), Some(2), Some(3)], vec![]]);
    let left = readings[2].found.as_ref().and_then(|found| found.remaining).expect("a life");
    assert!(left <= LONG && left > LONG / 2, "{left:?} of {LONG:?} left");
    assert!(store.read_many(&[]).await.expect("read nothing").is_empty());
    store.remove(&[here, other]).await.expect("remove");
    store.unstamp(&all).await.expect("unstamp");
}

async fn heads_are_what_begins_each_value(store: &dyn Store, at: &str) {
    let keys = ["long", "short", "none"].map(|name| format!("{at}:head:{name}"));
    for (key, bytes) in [(&keys[0], b"abcdef".to_vec()), (&keys[1], b"gh".to_vec())] {
        store.write(key, bytes, LONG).await.expect("write");
    }
    let heads = store.heads(&keys, 3).await.expect("heads");
    assert_eq!(heads, [Some(b"abc".to_vec()), Some(b"gh".to_vec()), None]);
    assert_eq!(store.heads(&[], 3).await.expect("none"), [] as [Option<Vec<u8>>; 0]);
    store.remove(&keys).await.expect("remove");
}

async fn many_are_written_as_each_by_itself(store: &dyn Store, at: &str) {
    let keys: Vec<String> = (0..20).map(|i| format!("{at}:written:{i}")).collect();
    let log = format!("{at}:written-log");
    let tell = Tell { log: log.clone(), channel: format!("{at}:written-bus"), message: b"news".to_vec() };
    store.write(&keys[3], b"old and longer".to_vec(), LONG * 10).await.expect("write");
    let tag = format!("{at}:written-tag");
    let stamps = Stamps { tags: names(&[&tag]).into(), ..none() };
    store.stamp(&stamps, &[7], LONG / 4).await.expect("stamp");
    let sent = keys.iter().zip(0..).map(|(key, i)| Sent {
        key: key.as_str().into(),
        bytes: vec![i; 3],
        is_lease: false,
        life: LONG,
        tags: if i == 3 { Arc::clone(&stamps.tags) } else { Arc::default() },
    });
    let place = store.write_many(sent.collect(), tell).await.expect("write many");
    for (key, i) in keys.iter().zip(0..) {
        let found = store.read(key, &none()).await.expect("read").found.expect("the value just written");
        assert_eq!(found.bytes, [i; 3]);
        assert!(found.remaining.is_some_and(|left| left <= LONG && left > LONG / 2), "{key}");
    }
    assert_eq!(place.is_some(), store.shared().is_some());
    if let Some(shared) = store.shared() {
        let told = shared.read_log(&log, "0", 10).await.expect("read the log");
        assert_eq!(told, [(place.expect("a place"), b"news".to_vec())]);
    }
    let left = store.read(&tag, &none()).await.expect("read").found.and_then(|tag| tag.remaining);
    assert!(left > Some(LONG) && left <= Some(tag_life(LONG)), "{left:?} left of the tag of one");
    store.remove(&keys).await.expect("remove");
    store.unstamp(&stamps).await.expect("unstamp");
}
