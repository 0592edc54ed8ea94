use super::*;
use crate::coherence::news::{News, Removed};
use crate::key::Digest;

fn key(digest: u8) -> News {
    News::Keys(vec![Removed { prefix: "user".into(), digest: Digest::new([digest; 32]) }])
}

fn now(seconds: u64) -> Proof {
    Proof::from_nanos(Duration::from_secs(seconds).as_nanos().try_into().unwrap())
}

/// Who has told an entry: everybody tells one.
fn teller(id: &str) -> u64 {
    let Id(millis, number) = Id::parse(id);
    10 * millis + number
}

/// A journal that has seen these entries: an id, and what it says.
fn journal(entries: &[(&str, News)]) -> Journal {
    let journal = Journal::default();
    for (id, news) in entries {
        journal.saw(id, &news.encode(teller(id)), now(0));
    }
    journal
}

fn log(entries: &[(&str, News)]) -> Vec<(Id, Vec<u8>)> {
    entries.iter().map(|(id, news)| (Id::parse(id), news.encode(teller(id)))).collect()
}

fn everything() -> Vec<News> {
    vec![super::lost::everything()]
}

#[test]
fn ids_are_in_the_order_of_the_log() {
    let ids = ["9-0", "10-2", "10-10", "11"].map(Id::parse);
    assert!(ids.is_sorted());
    assert_eq!(ids[2].to_string(), "10-10");
    assert!(Id::parse("no id") < ids[0]);
}

#[test]
fn what_the_log_lacks_is_lost_and_nothing_else() {
    let history = journal(&[("1-0", key(1)), ("2-0", key(2)), ("2-1", News::Pattern("a".into()))]).take();
    assert_eq!(history.oldest(), Id::parse("1-0"));
    assert_eq!(history.lost(&log(&[("1-0", key(1)), ("2-0", key(2)), ("2-1", News::Pattern("a".into()))])), []);
    assert_eq!(history.lost(&log(&[("1-0", key(1)), ("2-1", News::Pattern("a".into()))])), [key(2)]);
    let lost = history.lost(&log(&[("1-0", key(1)), ("9-0", News::Anchor(5))]));
    assert!(lost.len() == 2 && lost.contains(&key(2)) && lost.contains(&News::Pattern("a".into())), "{lost:?}");
}

#[test]
fn lost_keys_are_redone_together() {
    let history = journal(&[("1-0", News::Anchor(1)), ("2-0", key(2)), ("3-0", key(3)), ("4-0", key(2))]).take();
    let lost = history.lost(&log(&[("1-0", News::Anchor(1))]));
    assert!(matches!(lost.as_slice(), [News::Keys(keys)] if keys.len() == 2), "{lost:?}");
}

#[test]
fn what_another_instance_has_redone_is_not_redone_again() {
    let history = journal(&[("1-0", News::Anchor(1)), ("2-0", key(2)), ("3-0", key(3))]).take();
    let (News::Keys(two), News::Keys(three)) = (key(2), key(3)) else { unreachable!() };
    let both = News::Keys([two, three].concat());
    assert_eq!(history.lost(&log(&[("1-0", News::Anchor(1)), ("9-0", both)])), []);
    assert_eq!(history.lost(&log(&[("1-0", News::Anchor(1)), ("9-0", super::lost::everything())])), []);
    assert_eq!(history.lost(&log(&[("1-0", News::Anchor(1)), ("9-0", key(3))])), [key(2)]);
}

#[test]
fn an_invalidation_before_the_lost_one_does_not_stand_for_it() {
    let history = journal(&[("1-0", key(1)), ("2-0", News::Anchor(2)), ("3-0", key(1))]).take();
    assert_eq!(history.lost(&log(&[("1-0", key(1)), ("2-0", News::Anchor(2))])), [key(1)]);
    // Not seen here, and in the dump: it is older than the lost one.
    let unseen = [("1-0", key(1)), ("2-0", News::Anchor(2)), ("2-5", key(1))];
    assert_eq!(history.lost(&log(&unseen)), [key(1)]);
}

#[test]
fn the_same_id_with_another_message_is_another_entry() {
    let history = journal(&[("1-0", News::Anchor(1)), ("2-0", key(2))]).take();
    assert_eq!(history.lost(&log(&[("1-0", News::Anchor(1)), ("2-0", key(7))])), [key(2)]);
    assert_eq!(history.lost(&log(&[("1-0", News::Anchor(8))])), everything());
}

#[test]
fn without_an_overlap_everything_is_lost_unless_it_was_cleared_since() {
    let history = journal(&[("5-0", key(5)), ("6-0", key(6))]).take();
    assert_eq!(history.lost(&[]), everything());
    assert_eq!(history.lost(&log(&[("9-0", News::Anchor(9))])), everything());
    assert_eq!(history.lost(&log(&[("9-0", News::Anchor(9)), ("9-1", super::lost::everything())])), []);
    assert_eq!(History::default().lost(&log(&[("9-1", super::lost::everything())])), everything());
}

#[test]
fn what_was_acknowledged_and_never_seen_is_missed() {
    let journal = journal(&[("1-0", News::Anchor(1))]);
    journal.made("2-0", &key(2).encode(teller("2-0")), now(5));
    assert!(!journal.misses(now(5)), "the read was sent before");
    assert!(journal.misses(now(6)));
    journal.saw("2-0", &key(2).encode(teller("2-0")), now(6));
    assert!(!journal.misses(now(7)));
    journal.made("2-0", &key(2).encode(teller("2-0")), now(7));
    assert!(!journal.misses(now(8)), "the heartbeat was faster than the acknowledgement");
}

#[test]
fn an_acknowledged_entry_is_no_overlap() {
    let journal = journal(&[("1-0", News::Anchor(1))]);
    journal.made("2-0", &key(2).encode(teller("2-0")), now(0));
    let history = journal.take();
    assert_eq!(history.lost(&log(&[("2-0", key(2))])), everything());
}

#[test]
fn it_keeps_a_minute_and_always_the_newest() {
    let journal = journal(&[("1-0", key(1)), ("2-0", key(2))]);
    journal.saw("3-0", &key(3).encode(teller("3-0")), now(59));
    assert_eq!(journal.history().oldest(), Id::parse("1-0"));
    journal.saw("4-0", &key(4).encode(teller("4-0")), now(60));
    assert_eq!(journal.history().oldest(), Id::parse("3-0"));
    journal.saw("5-0", &key(5).encode(teller("5-0")), now(1_000));
    assert_eq!(journal.take().entries.keys().collect::<Vec<_>>(), [&Id::parse("5-0")]);
}

#[test]
fn it_is_bounded_and_does_not_overlap_what_it_has_dropped() {
    let journal = Journal::default();
    let large = News::Pattern("p".repeat(1 << 20)).encode(0);
    for id in 1..=20 {
        journal.saw(&format!("{id}-0"), &large, now(0));
    }
    let history = journal.take();
    assert!(history.bytes <= MOST_BYTES && history.entries.len() == 7, "{}", history.entries.len());
    assert_eq!(history.lost(&log(&[("3-0", News::Pattern("p".repeat(1 << 20)))])), everything());
}

#[test]
fn an_anchor_begins_it_anew() {
    let journal = journal(&[("1-0", key(1))]);
    journal.made("2-0", &key(2).encode(teller("2-0")), now(0));
    journal.made("4-0", &key(4).encode(teller("4-0")), now(0));
    journal.begin("3-0", &News::Anchor(3).encode(teller("3-0")), now(0));
    let history = journal.take();
    assert_eq!(history.entries.keys().map(Id::to_string).collect::<Vec<_>>(), ["3-0", "4-0"]);
    assert_eq!(history.bytes, history.entries.values().map(Note::weight).sum::<usize>());
}

#[test]
fn what_is_in_doubt_is_redone_also_if_the_log_has_it_but_for_what_others_have_redone() {
    let entries = [("1-0", News::Anchor(1)), ("2-0", key(2)), ("3-0", News::Pattern("a".into()))];
    let journal = journal(&entries);
    let there = log(&entries);
    let lost = journal.in_doubt().lost(&there);
    assert!(lost.len() == 2 && lost.contains(&key(2)) && lost.contains(&News::Pattern("a".into())), "{lost:?}");
    let redone = [&there[..], &log(&[("9-0", key(2))])].concat();
    assert_eq!(journal.in_doubt().lost(&redone), [News::Pattern("a".into())]);
    assert_eq!(journal.take().lost(&there), [], "it goes on as it was");
}

/// What instances 7 and 8 have told, one after the other: 7 what others are computed from, and after that what is computed from it.
fn told_in_order() -> Journal {
    let journal = Journal::default();
    let told = [("1-0", News::Anchor(1), 7), ("2-0", key(1), 7), ("3-0", key(2), 7), ("4-0", key(3), 8)];
    for (at, (id, news, origin)) in told.into_iter().enumerate() {
        journal.saw(id, &news.encode(origin), now(at as u64));
    }
    journal
}

fn log_by(entries: &[(&str, News, u64)]) -> Vec<(Id, Vec<u8>)> {
    entries.iter().map(|(id, news, origin)| (Id::parse(id), news.encode(*origin))).collect()
}

fn both(one: u8, other: u8) -> News {
    let (News::Keys(one), News::Keys(other)) = (key(one), key(other)) else { unreachable!() };
    News::Keys([one, other].concat())
}

#[test]
fn what_is_lost_is_redone_with_what_its_teller_told_after_it() {
    let there = [("1-0", News::Anchor(1), 7), ("3-0", key(2), 7), ("4-0", key(3), 8)];
    assert_eq!(told_in_order().take().lost(&log_by(&there)), [both(1, 2)]);
    let last_is_lost = [("1-0", News::Anchor(1), 7), ("2-0", key(1), 7), ("4-0", key(3), 8)];
    assert_eq!(told_in_order().take().lost(&log_by(&last_is_lost)), [key(2)], "nothing is computed from that");
}

#[test]
fn what_is_told_when_the_loss_is_known_already_is_redone_with_it_too() {
    let journal = Journal::default();
    journal.saw("1-0", &News::Anchor(1).encode(7), now(0));
    journal.made("2-0", &key(1).encode(7), now(1));
    let there = [("1-0", News::Anchor(1), 7), ("9-0", key(2), 7), ("9-1", key(3), 8)];
    assert_eq!(journal.take().lost(&log_by(&there)), [both(1, 2)]);
}

#[test]
fn what_follows_a_loss_is_redone_until_that_was_told_again_after_the_loss_was_made_good() {
    let history = told_in_order().take();
    let begun = [("1-0", News::Anchor(1), 7), ("3-0", key(2), 7), ("4-0", key(3), 8)];
    let lost = |more: &[(&str, News, u64)]| history.lost(&log_by(&[&begun[..], more].concat()));
    assert_eq!(lost(&[("9-0", key(1), 8)]), [key(2)], "who redid the first did not know of the second");
    assert_eq!(lost(&[("9-0", key(2), 8), ("9-1", key(1), 8)]), [key(2)]);
    assert_eq!(lost(&[("9-0", key(1), 8), ("9-1", key(2), 8)]), []);
    assert_eq!(lost(&[("9-0", both(1, 2), 8)]), []);
}
