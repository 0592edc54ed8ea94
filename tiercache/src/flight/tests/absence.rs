//! Leaders that do not come when they are woken, and who takes their place.

use super::*;

#[test]
fn a_leader_that_was_woken_and_not_polled_loses_the_lead_when_patience_ends() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let mut wait = waits(flights.join(&"k"));
    let bell = Arc::new(Bell::default());
    ask_as(&mut wait, &Waker::from(Arc::clone(&bell)));
    start_load(&lead).wake();
    for _ in 0..LEADER_PATIENCE {
        assert!(flights.sweep());
        assert_eq!(bell.rings(), 0);
        assert_eq!(ask_as(&mut wait, &Waker::from(Arc::clone(&bell))), Told::Nothing);
    }
    flights.sweep();
    assert_eq!(bell.rings(), 1);
    assert_eq!(ask(&mut wait), Told::ToLead);
}

#[test]
fn a_leader_that_is_merely_slow_keeps_the_lead() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let mut wait = waits(flights.join(&"k"));
    let _load_waker = start_load(&lead);
    for _ in 0..100 {
        assert!(flights.sweep());
    }
    assert_eq!(ask(&mut wait), Told::Nothing);
}

#[test]
fn a_leader_that_is_polled_after_each_wake_keeps_the_lead_however_often_a_sweep_finds_it_woken() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let mut wait = waits(flights.join(&"k"));
    // Yields: wakes itself at each poll.
    let load = pin!(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    }));
    let mut drive = pin!(lead.drive(load));
    for _ in 0..100 {
        assert!(poll_once(drive.as_mut()).is_pending());
        flights.sweep();
    }
    assert_eq!(ask(&mut wait), Told::Nothing);
}

#[test]
fn a_leader_that_is_woken_within_a_long_poll_keeps_the_lead() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let mut wait = waits(flights.join(&"k"));
    let load = pin!(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        (0..100).for_each(|_| assert!(flights.sweep()));
        Poll::Ready(())
    }));
    assert!(poll_once(pin!(lead.drive(load))).is_ready());
    assert_eq!(ask(&mut wait), Told::Nothing);
}

#[test]
fn a_wake_within_a_poll_counts_from_the_end_of_the_poll() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let mut wait = waits(flights.join(&"k"));
    let load = pin!(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    }));
    assert!(poll_once(pin!(lead.drive(load))).is_pending());
    sweeps(&flights, LEADER_PATIENCE + 1);
    assert_eq!(ask(&mut wait), Told::ToLead);
}

#[test]
fn patience_begins_anew_when_a_leader_is_polled() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let mut wait = waits(flights.join(&"k"));
    for _ in 0..3 {
        start_load(&lead).wake();
        (0..LEADER_PATIENCE).for_each(|_| assert!(flights.sweep()));
    }
    assert_eq!(ask(&mut wait), Told::Nothing);
}

#[test]
fn a_new_leader_that_does_not_come_loses_the_lead_too() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let (mut parked, mut second) = (waits(flights.join(&"k")), waits(flights.join(&"k")));
    ask(&mut parked);
    drop(lead);
    sweeps(&flights, LEADER_PATIENCE + 1);
    let new = take_lead(&mut second);
    new.end(Some(1));
    assert_eq!(ask(&mut parked), Told::Shared(1), "who lost the lead still has the result");
}

#[test]
fn an_heir_that_comes_late_leads_if_nobody_else_has_come() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let (mut late, mut second) = (waits(flights.join(&"k")), waits(flights.join(&"k")));
    ask(&mut late);
    drop(lead);
    sweeps(&flights, LEADER_PATIENCE + 1);
    let new = take_lead(&mut late);
    assert_eq!(ask(&mut second), Told::Nothing, "who was called in its place waits again");
    drop(new);
    assert_eq!(ask(&mut second), Told::ToLead, "and is called again");
    drop((late, second));
    assert_empty(&flights);
}

#[test]
fn an_heir_that_comes_late_has_all_of_a_leaders_patience() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let (mut late, mut second) = (waits(flights.join(&"k")), waits(flights.join(&"k")));
    drop(lead);
    sweeps(&flights, LEADER_PATIENCE);
    let _lead = take_lead(&mut late);
    sweeps(&flights, LEADER_PATIENCE);
    assert_eq!(ask(&mut second), Told::Nothing);
    sweeps(&flights, 1);
    assert_eq!(ask(&mut second), Told::ToLead, "it never began to load");
}

#[test]
fn an_heir_that_comes_when_another_leads_waits_again() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let (mut late, mut second) = (waits(flights.join(&"k")), waits(flights.join(&"k")));
    let bell = Arc::new(Bell::default());
    ask_as(&mut late, &Waker::from(Arc::clone(&bell)));
    drop(lead);
    sweeps(&flights, LEADER_PATIENCE + 1);
    let new = take_lead(&mut second);
    assert_eq!(ask_as(&mut late, &Waker::from(Arc::clone(&bell))), Told::Nothing);
    assert_eq!(bell.rings(), 1);
    new.end(Some(1));
    assert_eq!(bell.rings(), 2);
    assert_eq!(ask(&mut late), Told::Shared(1));
}

#[test]
fn each_patience_calls_one_more_until_somebody_comes() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let mut waiters: Vec<_> = (0..3).map(|_| (waits(flights.join(&"k")), Arc::new(Bell::default()))).collect();
    for (wait, bell) in &mut waiters {
        ask_as(wait, &Waker::from(Arc::clone(bell)));
    }
    drop(lead);
    for called in 1..=3 {
        let rings: usize = waiters.iter().map(|(_, bell)| bell.rings()).sum();
        assert_eq!(rings, called);
        sweeps(&flights, LEADER_PATIENCE + 1);
    }
    assert!(waiters.iter().all(|(_, bell)| bell.rings() == 1));
}

#[test]
fn who_was_called_and_did_not_come_does_not_delay_the_others_again() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let parked = waits(flights.join(&"k"));
    let (mut second, mut third) = (waits(flights.join(&"k")), waits(flights.join(&"k")));
    let bell = Arc::new(Bell::default());
    ask_as(&mut third, &Waker::from(Arc::clone(&bell)));
    drop(lead);
    sweeps(&flights, LEADER_PATIENCE + 1);
    drop(take_lead(&mut second));
    assert_eq!(bell.rings(), 1);
    drop((parked, second, third));
    assert_empty(&flights);
}

#[test]
fn a_waiter_at_its_limit_takes_a_lead_that_is_free() {
    let flights = flights(2);
    let lead = leads(flights.join(&"k"));
    let (first, mut second) = (waits(flights.join(&"k")), waits(flights.join(&"k")));
    let bell = Arc::new(Bell::default());
    ask_as(&mut second, &Waker::from(Arc::clone(&bell)));
    drop(lead);
    sweeps(&flights, 3);
    assert_eq!(bell.rings(), 1);
    take_lead(&mut second).end(Some(1));
    drop((first, second));
    assert_empty(&flights);
}

#[test]
fn a_caller_that_comes_while_the_lead_is_free_takes_it() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let parked = waits(flights.join(&"k"));
    drop(lead);
    take_lead(&mut waits(flights.join(&"k"))).end(Some(1));
    drop(parked);
    assert_empty(&flights);
}

#[test]
fn a_late_wake_of_a_deposed_leader_does_not_count_against_the_new_one() {
    let flights = flights(NEVER);
    let old = leads(flights.join(&"k"));
    let mut second = waits(flights.join(&"k"));
    let mut third = waits(flights.join(&"k"));
    let late = start_load(&old);
    late.wake_by_ref();
    (0..=LEADER_PATIENCE).for_each(|_| assert!(flights.sweep()));
    let new = take_lead(&mut second);
    let _load_waker = start_load(&new);
    late.wake();
    (0..100).for_each(|_| assert!(flights.sweep()));
    assert_eq!(ask(&mut third), Told::Nothing);
}

/// A leader that has lost the lead, and who has it now.
fn depose(flights: &Arc<Flights<Key, u32>>) -> (Lead<Key, u32>, Wait<Key, u32>) {
    let old = leads(flights.join(&"k"));
    let heir = waits(flights.join(&"k"));
    start_load(&old).wake();
    sweeps(flights, LEADER_PATIENCE + 1);
    (old, heir)
}

#[test]
fn a_deposed_leaders_value_ends_the_load() {
    let flights = flights(NEVER);
    let (old, mut heir) = depose(&flights);
    let mut wait = waits(flights.join(&"k"));
    old.end(Some(1));
    assert_eq!(ask(&mut wait), Told::Shared(1));
    assert_eq!(ask(&mut heir), Told::Shared(1));
    drop((heir, wait));
    assert_empty(&flights);
}

#[test]
fn a_deposed_leader_without_a_value_ends_nothing() {
    for end in [|old: Lead<Key, u32>| old.end(None), |old: Lead<Key, u32>| drop(old)] {
        let flights = flights(NEVER);
        let (old, mut heir) = depose(&flights);
        let mut wait = waits(flights.join(&"k"));
        let new = take_lead(&mut heir);
        end(old);
        assert_eq!(ask(&mut wait), Told::Nothing);
        assert_eq!(flights.len(), 1);
        new.end(Some(2));
        assert_eq!(ask(&mut wait), Told::Shared(2));
        drop((heir, wait));
        assert_empty(&flights);
    }
}

#[test]
fn the_first_value_of_two_leaders_stays() {
    let flights = flights(NEVER);
    let (old, mut heir) = depose(&flights);
    let mut wait = waits(flights.join(&"k"));
    take_lead(&mut heir).end(Some(2));
    let next = leads(flights.join(&"k"));
    old.end(Some(1));
    assert_eq!(ask(&mut wait), Told::Shared(2));
    assert_eq!(flights.len(), 1, "the deposed leader took a later load's place with it");
    drop((heir, wait, next));
    assert_empty(&flights);
}
