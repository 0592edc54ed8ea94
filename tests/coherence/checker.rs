//! The checker itself: legal histories pass, and each way of breaking the promise is found.

use std::time::Duration;

use tiercache_tests::history::{Bounds, History, Journal, Record, Rollback, Verdict, read_journal};

const BOUND: u64 = 2_000;
const BOUNDS: Bounds = Bounds { max_staleness: Duration::from_nanos(BOUND), cut_off: Duration::from_nanos(5 * BOUND) };
/// Writes here, reads here and there.
const HERE: usize = 0;
const THERE: usize = 1;

fn write(version: u64, begin: u64, end: u64) -> (usize, Record) {
    (HERE, Record::Write { key: 7, version, begin, end: Some(end) })
}

fn failed(version: u64, begin: u64) -> (usize, Record) {
    (HERE, Record::Write { key: 7, version, begin, end: None })
}

fn read(instance: usize, version: u64, begin: u64, end: u64) -> (usize, Record) {
    (instance, Record::Read { key: 7, version, source: b'2', begin, end })
}

fn verdict(records: &[(usize, Record)]) -> Verdict {
    verdict_with(records, &[])
}

/// With rollbacks: begin, end, and when they are over.
fn verdict_with(records: &[(usize, Record)], rollbacks: &[(u64, u64, u64)]) -> Verdict {
    let mut history = History::default();
    for &(begin, end, over) in rollbacks {
        history.add_rollback(Rollback { begin, end, over });
    }
    history.judged(records, BOUNDS)
}

/// How many of the records are illegal.
fn illegal(records: &[(usize, Record)]) -> u64 {
    verdict(records).violated()
}

#[test]
fn the_latest_version_is_legal_everywhere() {
    assert_eq!(illegal(&[write(1, 10, 20), read(HERE, 1, 30, 40), read(THERE, 1, 30, 40)]), 0);
    assert_eq!(illegal(&[read(HERE, 0, 1, 2)]), 0);
}

#[test]
fn the_writing_instance_may_not_see_an_older_version_after_its_write() {
    assert_eq!(illegal(&[write(1, 10, 20), read(HERE, 0, 21, 22)]), 1);
    assert_eq!(illegal(&[write(1, 10, 20), write(2, 30, 40), read(HERE, 1, 41, 42)]), 1);
}

#[test]
fn during_a_write_both_versions_are_legal() {
    let during = [write(1, 10, 20), read(HERE, 0, 15, 100), read(HERE, 1, 12, 13), read(HERE, 0, 20, 100)];
    assert_eq!(illegal(&during), 0);
}

#[test]
fn a_read_is_judged_by_its_begin() {
    assert_eq!(illegal(&[write(1, 10, 20), read(HERE, 0, 19, 1_000_000), read(THERE, 0, 19, 1_000_000)]), 0);
}

#[test]
fn another_instance_has_the_bound_and_no_more() {
    assert_eq!(illegal(&[write(1, 10, 20), read(THERE, 0, 20 + BOUND, 9_000)]), 0);
    assert_eq!(illegal(&[write(1, 10, 20), read(THERE, 0, 21 + BOUND, 9_000)]), 1);
}

#[test]
fn a_cut_off_instance_has_its_own_bound_and_no_more() {
    let cut_off = (THERE, Record::CutOff { begin: 0, end: 90_000 });
    let late = read(THERE, 0, 20 + 5 * BOUND, 90_000);
    assert_eq!(illegal(&[write(1, 10, 20), late, cut_off]), 0);
    assert_eq!(illegal(&[write(1, 10, 20), late]), 1);
    assert_eq!(illegal(&[write(1, 10, 20), read(THERE, 0, 21 + 5 * BOUND, 90_000), cut_off]), 1);
    let before = (THERE, Record::CutOff { begin: 0, end: 15 });
    assert_eq!(illegal(&[write(1, 10, 20), late, before]), 1, "cut off at another time");
    let other = (HERE, Record::CutOff { begin: 0, end: 90_000 });
    assert_eq!(illegal(&[write(1, 10, 20), late, other]), 1, "another one was cut off");
    assert_eq!(
        illegal(&[write(1, 10, 20), read(HERE, 0, 21, 22), other]),
        1,
        "its own writes it must see all the same"
    );
}

#[test]
fn a_failed_invalidation_promises_nothing() {
    let records = [write(1, 10, 20), failed(2, 30), read(HERE, 1, 90_000, 90_001), read(THERE, 2, 90_000, 90_001)];
    assert_eq!(illegal(&records), 0);
    assert_eq!(illegal(&[write(1, 10, 20), failed(2, 30), read(HERE, 0, 90_000, 90_001)]), 1);
}

#[test]
fn a_write_within_a_rollback_counts_as_ended_when_that_is_over() {
    let judged = |reader, begin, rollback| {
        let verdict = verdict_with(&[write(1, 10, 20), read(reader, 0, begin, begin)], &[rollback]);
        (verdict.violated(), verdict.widely())
    };
    let over = 50_000;
    let within = (15, 25, over);
    assert_eq!(judged(HERE, over, within), (0, 1));
    assert_eq!(judged(HERE, over + 1, within), (1, 0), "its own writes it must see from then on");
    assert_eq!(judged(THERE, over + BOUND, within), (0, 1));
    assert_eq!(judged(THERE, over + BOUND + 1, within), (1, 0), "the bound of others counts from there, and no more");
    assert_eq!(judged(THERE, 20 + BOUND, within), (0, 0), "that needs no rollback");
    for elsewhere in [(0, 19, over), (21, 30, over)] {
        assert_eq!(judged(HERE, 30, elsewhere), (1, 0), "a write before or after {elsewhere:?} has lost nothing");
        assert_eq!(
            judged(THERE, 21 + BOUND, elsewhere),
            (1, 0),
            "a write before or after {elsewhere:?} has lost nothing"
        );
    }
}

#[test]
fn a_rollback_excuses_none_who_see_less_than_the_writes_before_it() {
    let (first, second) = (write(1, 10, 20), write(2, 10_000, 10_010));
    let rollback = [(10_000, 10_020, 90_000)];
    assert_eq!(verdict_with(&[first, second, read(THERE, 0, 12_100, 12_101)], &rollback).violated(), 1);
    assert_eq!(verdict_with(&[first, second, read(THERE, 1, 12_100, 12_101)], &rollback).violated(), 0);
}

#[test]
fn what_is_made_anew_within_the_next_rollback_may_be_lost_again() {
    let records = [write(1, 10, 20), read(HERE, 0, 300, 301)];
    assert_eq!(verdict_with(&records, &[(100, 200, 400), (15, 25, 150)]).violated(), 0);
    assert_eq!(verdict_with(&records, &[(151, 200, 400), (15, 25, 150)]).violated(), 1);
}

#[test]
fn a_version_that_was_not_committed_yet_is_found() {
    assert_eq!(illegal(&[write(1, 10, 20), read(HERE, 1, 5, 9)]), 1);
    assert_eq!(illegal(&[write(1, 10, 20), read(HERE, 2, 30, 40)]), 1);
}

#[test]
fn an_older_write_that_ends_late_takes_nothing_back() {
    let records = [write(1, 10, 500), write(2, 20, 30)];
    assert_eq!(illegal(&[records[0], records[1], read(HERE, 1, 31, 32)]), 1);
    assert_eq!(illegal(&[records[0], records[1], read(HERE, 1, 501, 502)]), 1);
    assert_eq!(illegal(&[records[0], records[1], read(HERE, 2, 501, 502)]), 0);
}

#[test]
fn staleness_counts_from_the_end_of_the_first_newer_write() {
    let verdict = verdict(&[write(1, 10, 20), write(2, 30, 40), read(THERE, 0, 120, 130), read(THERE, 1, 60, 70)]);
    assert_eq!((verdict.worst(), verdict.median()), (Duration::from_nanos(100), Duration::from_nanos(100)));
    assert_eq!((verdict.violated(), verdict.reads()), (0, 2));
}

#[test]
fn records_come_back_from_their_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let records = [
        Record::Read { key: 1, version: 2, source: b'J', begin: 3, end: 4 },
        Record::Write { key: 5, version: 6, begin: 7, end: Some(8) },
        Record::Write { key: 5, version: 6, begin: 7, end: None },
        Record::CutOff { begin: 9, end: 10 },
    ];
    let mut journal = Journal::create(&path);
    for record in records {
        journal.note(record);
    }
    journal.finish();
    let mut found = Vec::new();
    read_journal(&path, |record| found.push(record));
    assert_eq!(found, records);
}
