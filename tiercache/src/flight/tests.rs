//! What the flight promises, without a runtime: futures are polled by hand, and sweeps come when a test says so.

#![allow(clippy::similar_names, reason = "a lead has a load")]

mod absence;
mod random;
mod wakers;

use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use super::*;

type Key = &'static str;

/// More sweeps than any test makes.
const NEVER: u32 = 10_000;

/// Counts how often a task was woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Bell {
    fn rings(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn flights(wait_limit: u32) -> Arc<Flights<Key, u32>> {
    Arc::new(Flights::new(wait_limit, || {}))
}

fn leads<V: Clone>(role: Role<Key, V>) -> Lead<Key, V> {
    match role {
        Role::Lead(lead) => lead,
        Role::Wait(_) => panic!("waits instead of leading"),
        Role::Reentrant => panic!("is said to be re-entrant instead of leading"),
    }
}

fn waits(role: Role<Key, u32>) -> Wait<Key, u32> {
    match role {
        Role::Wait(wait) => wait,
        Role::Lead(_) => panic!("leads instead of waiting"),
        Role::Reentrant => panic!("is said to be re-entrant instead of waiting"),
    }
}

/// What a waiter is told, in a form that tests compare.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Shared(u32),
    ToLead,
    ToGoAlone,
}

/// Polls once and lets go of a lead.
fn ask(wait: &mut Wait<Key, u32>) -> Told {
    ask_as(wait, Waker::noop())
}

fn ask_as(wait: &mut Wait<Key, u32>, waker: &Waker) -> Told {
    match Pin::new(wait).poll(&mut Context::from_waker(waker)) {
        Poll::Pending => Told::Nothing,
        Poll::Ready(Turn::Shared(value)) => Told::Shared(value),
        Poll::Ready(Turn::Lead(_)) => Told::ToLead,
        Poll::Ready(Turn::Alone) => Told::ToGoAlone,
    }
}

/// Polls once for a lead.
fn take_lead(wait: &mut Wait<Key, u32>) -> Lead<Key, u32> {
    match Pin::new(wait).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Turn::Lead(lead)) => lead,
        _ => panic!("was not given the lead"),
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls a load of `lead` that waits for something, and returns the waker that it would be woken by.
fn start_load(lead: &Lead<Key, u32>) -> Waker {
    let mut seen = None;
    let load = pin!(poll_fn(|cx| {
        seen = Some(cx.waker().clone());
        Poll::<()>::Pending
    }));
    assert!(poll_once(pin!(lead.drive(load))).is_pending());
    seen.expect("the load was polled")
}

fn sweeps(flights: &Flights<Key, u32>, times: u32) {
    for _ in 0..times {
        flights.sweep();
    }
}

/// Nothing is left of any load, nor of the sweep's list.
fn assert_empty(flights: &Arc<Flights<Key, u32>>) {
    assert_eq!(flights.len(), 0, "loads are left in the table");
    assert!(!flights.sweep(), "somebody is still said to wait");
    assert!(lock(&flights.watched).is_empty(), "the sweep still has slots to look at");
    assert_eq!(Arc::strong_count(flights), 1, "somebody still holds the flights");
}

#[test]
fn of_ten_thousand_callers_one_loads_and_all_have_its_value() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let mut waiters: Vec<_> = (1..10_000).map(|_| (waits(flights.join(&"k")), Arc::new(Bell::default()))).collect();
    for (wait, bell) in &mut waiters {
        assert_eq!(ask_as(wait, &Waker::from(Arc::clone(bell))), Told::Nothing);
    }
    assert_eq!(flights.len(), 1);
    lead.end(Some(7));
    for (wait, bell) in &mut waiters {
        assert_eq!(bell.rings(), 1);
        assert_eq!(ask(wait), Told::Shared(7));
    }
    drop(waiters);
    assert_empty(&flights);
}

#[test]
fn loads_of_different_keys_do_not_know_of_each_other() {
    let flights = flights(NEVER);
    let one = leads(flights.join(&"one"));
    let other = leads(flights.join(&"other"));
    let mut wait = waits(flights.join(&"other"));
    one.end(Some(1));
    assert_eq!(ask(&mut wait), Told::Nothing);
    other.end(Some(2));
    assert_eq!(ask(&mut wait), Told::Shared(2));
    drop(wait);
    assert_empty(&flights);
}

#[test]
fn a_load_that_has_ended_is_not_joined() {
    let flights = flights(NEVER);
    leads(flights.join(&"k")).end(Some(1));
    leads(flights.join(&"k")).end(None);
    drop(leads(flights.join(&"k")));
    assert_empty(&flights);
}

#[test]
fn a_load_that_is_too_old_for_a_caller_is_not_joined() {
    let flights = flights(NEVER);
    let join = |now, oldest| flights.join_if(&"k", Age { now, oldest });
    let old = leads(join(3, 0));
    let mut came_before = waits(join(4, 3));
    let young = leads(join(5, 4));
    let mut came_after = waits(join(6, 5));
    old.end(Some(1));
    assert_eq!(ask(&mut came_before), Told::Shared(1));
    assert_eq!(ask(&mut came_after), Told::Nothing);
    let mut another = waits(join(6, 5));
    young.end(Some(2));
    assert_eq!((ask(&mut came_after), ask(&mut another)), (Told::Shared(2), Told::Shared(2)));
    drop((came_before, came_after, another));
    assert_empty(&flights);
}

#[test]
fn a_value_reaches_a_waiter_that_was_never_polled_before() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let mut wait = waits(flights.join(&"k"));
    lead.end(Some(1));
    assert_eq!(ask(&mut wait), Told::Shared(1));
}

#[test]
fn without_a_value_each_waiter_runs_its_own_load() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let mut waiters = [waits(flights.join(&"k")), waits(flights.join(&"k"))];
    let bell = Arc::new(Bell::default());
    for wait in &mut waiters {
        ask_as(wait, &Waker::from(Arc::clone(&bell)));
    }
    lead.end(None);
    assert_eq!(bell.rings(), 2);
    for wait in &mut waiters {
        assert_eq!(ask(wait), Told::ToGoAlone);
    }
    drop(waiters);
    assert_empty(&flights);
}

#[test]
fn a_dropped_leader_hands_over_to_the_one_who_waits_longest() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let (mut first, mut second) = (waits(flights.join(&"k")), waits(flights.join(&"k")));
    let (bell, other) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
    ask_as(&mut first, &Waker::from(Arc::clone(&bell)));
    ask_as(&mut second, &Waker::from(Arc::clone(&other)));
    drop(lead);
    assert_eq!((bell.rings(), other.rings()), (1, 0));
    let lead = take_lead(&mut first);
    assert_eq!(ask(&mut second), Told::Nothing);
    assert_eq!(flights.len(), 1);
    lead.end(Some(3));
    assert_eq!(ask(&mut second), Told::Shared(3));
    drop((first, second));
    assert_empty(&flights);
}

#[test]
fn a_waiter_that_goes_away_with_the_lead_passes_it_on() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let (first, mut second) = (waits(flights.join(&"k")), waits(flights.join(&"k")));
    let bell = Arc::new(Bell::default());
    ask_as(&mut second, &Waker::from(Arc::clone(&bell)));
    drop(lead);
    drop(first);
    assert_eq!(bell.rings(), 1);
    assert_eq!(ask(&mut second), Told::ToLead);
    drop(second);
    assert_empty(&flights);
}

#[test]
fn a_waiter_that_went_away_is_never_given_the_lead() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    drop(waits(flights.join(&"k")));
    drop(lead);
    drop(leads(flights.join(&"k")));
    assert_empty(&flights);
}

#[test]
fn the_last_to_go_away_leaves_nothing_behind() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let wait = waits(flights.join(&"k"));
    drop(lead);
    drop(wait);
    assert_empty(&flights);
    leads(flights.join(&"k")).end(Some(1));
    assert_empty(&flights);
}

#[test]
fn a_panic_in_the_load_passes_the_lead_on() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let mut wait = waits(flights.join(&"k"));
    let mut call = Box::pin(async move {
        lead.drive(pin!(async { panic!("of the load") })).await;
        lead.end(Some(1));
    });
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(call.as_mut()))).is_err());
    take_lead(&mut wait).end(Some(2));
    drop((call, wait));
    assert_empty(&flights);
}

#[test]
fn a_call_of_ones_own_key_is_reentrant_only_within_the_load() {
    let flights = flights(NEVER);
    let inside = |key: Key| matches!(flights.join(&key), Role::Reentrant);
    let lead = leads(flights.join(&"k"));
    assert!(poll_once(pin!(lead.drive(pin!(async { assert!(inside("k")) })))).is_ready());
    assert!(!inside("k"), "the load is not being polled");
    let outer = leads(flights.join(&"outer"));
    let nested =
        pin!(async { lead.drive(pin!(async { assert!(inside("outer") && inside("k") && !inside("x")) })).await });
    assert!(poll_once(pin!(outer.drive(nested))).is_ready());
    let panicking = pin!(async { panic!("of the load") });
    let mut drive = pin!(lead.drive(panicking));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(drive.as_mut()))).is_err());
    assert!(!inside("k"), "the load that panicked is not being polled");
}

#[test]
fn another_thread_waits_for_a_load_that_is_being_polled() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let load = pin!(async {
        std::thread::scope(|scope| {
            let other = scope.spawn(|| ask(&mut waits(flights.join(&"k"))));
            assert_eq!(other.join().expect("it does not panic"), Told::Nothing);
        });
    });
    assert!(poll_once(pin!(lead.drive(load))).is_ready());
}

#[test]
fn who_comes_after_a_forgotten_load_begins_another() {
    let flights = flights(NEVER);
    let old = leads(flights.join(&"k"));
    let mut before = waits(flights.join(&"k"));
    flights.forget(&"k");
    let new = leads(flights.join(&"k"));
    let mut after = waits(flights.join(&"k"));
    old.end(Some(1));
    assert_eq!(ask(&mut before), Told::Shared(1));
    assert_eq!(ask(&mut after), Told::Nothing);
    assert_eq!(flights.len(), 1, "the old load took the new one's place with it");
    new.end(Some(2));
    assert_eq!(ask(&mut after), Told::Shared(2));
    drop((before, after));
    assert_empty(&flights);
}

#[test]
fn a_forgotten_leader_that_is_dropped_still_hands_over() {
    let flights = flights(NEVER);
    let old = leads(flights.join(&"k"));
    let mut before = waits(flights.join(&"k"));
    flights.forget(&"k");
    drop(old);
    assert_eq!(ask(&mut before), Told::ToLead);
    flights.forget(&"nobody loads this");
    drop(before);
    assert_empty(&flights);
}

#[test]
fn a_waiter_is_let_go_at_its_limit_and_not_before() {
    let flights = flights(3);
    let lead = leads(flights.join(&"k"));
    let mut early = waits(flights.join(&"k"));
    let bell = Arc::new(Bell::default());
    ask_as(&mut early, &Waker::from(Arc::clone(&bell)));
    flights.sweep();
    let mut late = waits(flights.join(&"k"));
    (0..2).for_each(|_| assert!(flights.sweep()));
    assert_eq!(bell.rings(), 0);
    assert!(flights.sweep());
    assert_eq!(bell.rings(), 1);
    assert_eq!((ask(&mut early), ask(&mut late)), (Told::ToGoAlone, Told::Nothing));
    assert!(!flights.sweep());
    assert_eq!(ask(&mut late), Told::ToGoAlone);
    lead.end(Some(1));
    drop((early, late));
    assert_empty(&flights);
}

#[test]
fn a_waiter_that_was_let_go_still_takes_a_value_that_came_before_it_looked() {
    let flights = flights(0);
    let lead = leads(flights.join(&"k"));
    let mut wait = waits(flights.join(&"k"));
    assert!(!flights.sweep());
    lead.end(Some(1));
    assert_eq!(ask(&mut wait), Told::Shared(1));
}

#[test]
fn whoever_waits_alone_is_announced_and_swept_until_nobody_waits() {
    let announced = Arc::new(Bell::default());
    let bell = Arc::clone(&announced);
    let flights: Arc<Flights<Key, u32>> = Arc::new(Flights::new(NEVER, move || Arc::clone(&bell).wake()));
    let lead = leads(flights.join(&"k"));
    assert_eq!(announced.rings(), 0, "a leader alone needs no sweep");
    let (first, second) = (waits(flights.join(&"k")), waits(flights.join(&"k")));
    assert_eq!(announced.rings(), 1);
    assert!(flights.sweep());
    drop((first, second));
    assert!(!flights.sweep());
    assert!(lock(&flights.watched).is_empty());
    let wait = waits(flights.join(&"k"));
    assert_eq!(announced.rings(), 2);
    assert!(flights.sweep());
    lead.end(None);
    assert!(!flights.sweep(), "nobody waits for a load that has ended");
    drop(wait);
    assert_empty(&flights);
}

#[test]
fn a_value_is_dropped_with_the_last_who_had_a_use_for_it() {
    let value = Arc::new(());
    let flights: Arc<Flights<Key, Arc<()>>> = Arc::new(Flights::new(NEVER, || {}));
    let Role::Lead(lead) = flights.join(&"k") else { panic!("does not lead") };
    let Role::Wait(wait) = flights.join(&"k") else { panic!("does not wait") };
    lead.end(Some(Arc::clone(&value)));
    assert_eq!(Arc::strong_count(&value), 2);
    drop(wait);
    assert_eq!(Arc::strong_count(&value), 1, "the sweep's list keeps it");
}
