//! The single flight: nobody hangs, one leads, nothing is left.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::sync::Notify;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use crate::check;
use crate::flight::{Flights, Lead, Role, Turn, Wait};

type Key = &'static str;

/// More sweeps than any model makes.
const NEVER: u32 = 1_000;
/// As many sweeps as a leader may miss, and one more.
const PATIENCE: u32 = 5;

/// What a caller came to.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Shared(u32),
    Alone,
    /// It led.
    Led,
}

fn flights(wait_limit: u32) -> Arc<Flights<Key, u32>> {
    Arc::new(Flights::new(wait_limit, || {}))
}

fn lead(flights: &Arc<Flights<Key, u32>>) -> Lead<Key, u32> {
    match flights.join(&"k") {
        Role::Lead(lead) => lead,
        _ => panic!("does not lead"),
    }
}

fn wait(flights: &Arc<Flights<Key, u32>>) -> Wait<Key, u32> {
    match flights.join(&"k") {
        Role::Wait(wait) => wait,
        _ => panic!("does not wait"),
    }
}

/// Waits to the end; a leader ends with `value`.
fn follow(wait: Wait<Key, u32>, value: u32) -> Came {
    match block_on(wait) {
        Turn::Shared(value) => Came::Shared(value),
        Turn::Alone => Came::Alone,
        Turn::Lead(lead) => {
            lead.end(Some(value));
            Came::Led
        }
    }
}

/// A whole call, which ends with `value` if it leads.
fn call(flights: &Arc<Flights<Key, u32>>, value: u32) -> Came {
    match flights.join(&"k") {
        Role::Lead(lead) => {
            lead.end(Some(value));
            Came::Led
        }
        Role::Wait(wait) => follow(wait, value),
        Role::Reentrant => panic!("nothing is being polled here"),
    }
}

/// Polls a load of `lead` that waits for something, and returns the waker that it would be woken by.
fn start_load(lead: &Lead<Key, u32>) -> Waker {
    let mut seen = None;
    let load = pin!(poll_fn(|cx| {
        seen = Some(cx.waker().clone());
        Poll::<()>::Pending
    }));
    assert!(pin!(lead.drive(load)).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    seen.expect("the load was polled")
}

/// A leader that the next sweep deposes, unless it comes.
fn absent(flights: &Arc<Flights<Key, u32>>) -> (Lead<Key, u32>, Wait<Key, u32>) {
    let (lead, heir) = (lead(flights), wait(flights));
    start_load(&lead).wake();
    for _ in 1..PATIENCE {
        assert!(flights.sweep());
    }
    (lead, heir)
}

fn assert_empty(flights: &Flights<Key, u32>) {
    assert_eq!(flights.len(), 0, "loads are left in the table");
    assert!(!flights.sweep(), "somebody is still said to wait");
}

/// Of two callers that come at once one leads, and the other waits for it.
pub fn of_two_callers_that_come_at_once_one_leads() {
    check(|| {
        let flights = flights(NEVER);
        let other = thread::spawn({
            let flights = Arc::clone(&flights);
            move || flights.join(&"k")
        });
        let (lead, wait) = match (flights.join(&"k"), other.join().unwrap()) {
            (Role::Lead(lead), Role::Wait(wait)) | (Role::Wait(wait), Role::Lead(lead)) => (lead, wait),
            (Role::Lead(_), Role::Lead(_)) => panic!("both lead"),
            _ => panic!("nobody leads"),
        };
        lead.end(Some(1));
        assert_eq!(follow(wait, 2), Came::Shared(1));
        assert_empty(&flights);
    });
}

/// Whoever joins while a load ends has its value, or begins a load of its own.
pub fn a_caller_that_comes_while_a_load_ends_is_answered() {
    check(|| {
        let flights = flights(NEVER);
        let lead = lead(&flights);
        let other = thread::spawn({
            let flights = Arc::clone(&flights);
            move || call(&flights, 2)
        });
        lead.end(Some(1));
        assert!(matches!(other.join().unwrap(), Came::Shared(1) | Came::Led));
        assert_empty(&flights);
    });
}

/// Whoever joins while a load ends begins another only when that one has ended.
pub fn a_load_begins_only_when_the_one_before_has_ended() {
    check(|| {
        let flights = flights(NEVER);
        let (lead, mut before) = (lead(&flights), wait(&flights));
        let other = thread::spawn({
            let flights = Arc::clone(&flights);
            move || {
                if let Role::Lead(_) = flights.join(&"k") {
                    let seen = Pin::new(&mut before).poll(&mut Context::from_waker(Waker::noop()));
                    assert!(matches!(seen, Poll::Ready(Turn::Shared(1))), "two loads at once");
                }
            }
        });
        lead.end(Some(1));
        other.join().unwrap();
        assert_empty(&flights);
    });
}

/// A waiter that looks while a load ends is not forgotten.
pub fn a_waiter_that_looks_while_a_load_ends_has_its_value() {
    check(|| {
        let flights = flights(NEVER);
        let (lead, wait) = (lead(&flights), wait(&flights));
        let other = thread::spawn(move || follow(wait, 2));
        lead.end(Some(1));
        assert_eq!(other.join().unwrap(), Came::Shared(1));
        assert_empty(&flights);
    });
}

/// A waiter that looks while the leader is dropped leads.
pub fn a_waiter_that_looks_while_the_leader_is_dropped_leads() {
    check(|| {
        let flights = flights(NEVER);
        let (lead, wait) = (lead(&flights), wait(&flights));
        let other = thread::spawn(move || follow(wait, 2));
        drop(lead);
        assert_eq!(other.join().unwrap(), Came::Led);
        assert_empty(&flights);
    });
}

/// Whoever joins while the leader is dropped leads: by its place or in a load of its own.
pub fn a_caller_that_comes_while_the_leader_is_dropped_leads() {
    check(|| {
        let flights = flights(NEVER);
        let lead = lead(&flights);
        let other = thread::spawn({
            let flights = Arc::clone(&flights);
            move || call(&flights, 2)
        });
        drop(lead);
        assert_eq!(other.join().unwrap(), Came::Led);
        assert_empty(&flights);
    });
}

/// Whoever joins while the last caller leaves, and so leads, is found by later callers.
pub fn a_caller_that_comes_as_the_last_one_leaves_can_be_joined() {
    check(|| {
        let flights = flights(NEVER);
        let last = lead(&flights);
        let other = thread::spawn({
            let flights = Arc::clone(&flights);
            move || match flights.join(&"k") {
                Role::Lead(lead) => lead,
                Role::Wait(wait) => match block_on(wait) {
                    Turn::Lead(lead) => lead,
                    _ => panic!("is told something else than to lead"),
                },
                Role::Reentrant => panic!("nothing is being polled here"),
            }
        });
        drop(last);
        let lead = other.join().unwrap();
        let wait = wait(&flights);
        lead.end(Some(2));
        assert_eq!(follow(wait, 3), Came::Shared(2));
        assert_empty(&flights);
    });
}

/// Of two waiters one takes over, and the other has its value.
pub fn of_two_waiters_exactly_one_takes_over() {
    check(|| {
        let flights = flights(NEVER);
        let lead = lead(&flights);
        let others: Vec<_> =
            [wait(&flights), wait(&flights)].into_iter().map(|wait| thread::spawn(move || follow(wait, 2))).collect();
        drop(lead);
        let mut came: Vec<_> = others.into_iter().map(|other| other.join().unwrap()).collect();
        came.sort_by_key(|came| *came == Came::Led);
        assert_eq!(came, [Came::Shared(2), Came::Led]);
        assert_empty(&flights);
    });
}

/// A waiter that is dropped just when the lead passes to it passes it on.
pub fn a_waiter_dropped_as_it_is_promoted_passes_the_lead_on() {
    check(|| {
        let flights = flights(NEVER);
        let (lead, first, second) = (lead(&flights), wait(&flights), wait(&flights));
        let leaves = thread::spawn(move || drop(first));
        let stays = thread::spawn(move || follow(second, 2));
        drop(lead);
        leaves.join().unwrap();
        assert_eq!(stays.join().unwrap(), Came::Led);
        assert_empty(&flights);
    });
}

/// When all go away at once, nothing stays.
pub fn a_leader_and_a_waiter_that_leave_at_once_leave_nothing() {
    check(|| {
        let flights = flights(NEVER);
        let (lead, wait) = (lead(&flights), wait(&flights));
        let other = thread::spawn(move || drop(wait));
        drop(lead);
        other.join().unwrap();
        assert_empty(&flights);
        assert_eq!(call(&flights, 2), Came::Led);
    });
}

/// Whoever comes after `forget` has returned does not get the forgotten load's value; whoever waited before does.
pub fn a_caller_after_forget_does_not_get_the_old_value() {
    check(|| {
        let flights = flights(NEVER);
        let (lead, before) = (lead(&flights), wait(&flights));
        let forgets = thread::spawn({
            let flights = Arc::clone(&flights);
            move || {
                flights.forget(&"k");
                call(&flights, 2)
            }
        });
        let joins = thread::spawn({
            let flights = Arc::clone(&flights);
            move || call(&flights, 3)
        });
        lead.end(Some(1));
        assert!(matches!(forgets.join().unwrap(), Came::Led | Came::Shared(3)));
        assert!(matches!(joins.join().unwrap(), Came::Led | Came::Shared(1 | 2)));
        assert_eq!(follow(before, 4), Came::Shared(1));
        assert_empty(&flights);
    });
}

/// A load that retires leaves a newer one of its key where it is.
pub fn a_forgotten_load_that_ends_leaves_the_new_one_in_place() {
    check(|| {
        let flights = flights(NEVER);
        let old = lead(&flights);
        let ends = thread::spawn(move || old.end(Some(1)));
        flights.forget(&"k");
        let new = lead(&flights);
        ends.join().unwrap();
        assert_eq!(flights.len(), 1);
        let wait = wait(&flights);
        new.end(Some(2));
        assert_eq!(follow(wait, 3), Came::Shared(2));
        assert_empty(&flights);
    });
}

/// A sweep that takes the lead from a leader that comes back just then: the heir is answered, one way or the other.
pub fn a_leader_that_ends_as_it_is_deposed_still_answers() {
    check(|| {
        let flights = flights(NEVER);
        let (old, heir) = absent(&flights);
        let sweeps = thread::spawn({
            let flights = Arc::clone(&flights);
            move || flights.sweep()
        });
        let waits = thread::spawn(move || follow(heir, 2));
        old.end(Some(1));
        sweeps.join().unwrap();
        assert!(matches!(waits.join().unwrap(), Came::Shared(1) | Came::Led));
        assert_empty(&flights);
    });
}

/// The same without a value: an heir that leads is not ended by it.
pub fn a_leader_without_a_value_ends_nothing_once_it_is_deposed() {
    check(|| {
        let flights = flights(NEVER);
        let (old, mut heir) = absent(&flights);
        let third = wait(&flights);
        let ends = thread::spawn(move || old.end(None));
        flights.sweep();
        match Pin::new(&mut heir).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Turn::Lead(lead)) => {
                ends.join().unwrap();
                lead.end(Some(2));
                assert_eq!(follow(third, 3), Came::Shared(2));
            }
            Poll::Ready(Turn::Alone) => {
                ends.join().unwrap();
                assert_eq!(follow(third, 3), Came::Alone);
            }
            _ => panic!("the old leader has neither ended nor been deposed"),
        }
        drop(heir);
        assert_empty(&flights);
    });
}

/// A leader that is dropped while a sweep deposes it: one heir leads.
pub fn a_leader_dropped_as_it_is_deposed_has_one_heir() {
    check(|| {
        let flights = flights(NEVER);
        let (old, first) = absent(&flights);
        let second = wait(&flights);
        let leaves = thread::spawn(move || drop(old));
        flights.sweep();
        leaves.join().unwrap();
        assert_eq!(follow(first, 2), Came::Led);
        assert_eq!(follow(second, 3), Came::Shared(2));
        assert_empty(&flights);
    });
}

/// A waiter that is let go while the load ends is answered.
pub fn a_waiter_let_go_as_the_load_ends_is_answered() {
    check(|| {
        let flights = flights(0);
        let (lead, wait) = (lead(&flights), wait(&flights));
        let sweeps = thread::spawn({
            let flights = Arc::clone(&flights);
            move || flights.sweep()
        });
        let waits = thread::spawn(move || follow(wait, 2));
        lead.end(Some(1));
        sweeps.join().unwrap();
        assert!(matches!(waits.join().unwrap(), Came::Shared(1) | Came::Alone));
        assert_empty(&flights);
    });
}

/// A waiter that comes while a sweep finds nobody waiting is swept all the same: it would hang with a leader that hangs.
pub fn a_waiter_that_comes_as_sweeping_ends_is_swept() {
    check(|| {
        let someone_waits = Arc::new(Notify::new());
        let notify = Arc::clone(&someone_waits);
        let flights: Arc<Flights<Key, u32>> = Arc::new(Flights::new(0, move || notify.notify()));
        let (hangs, leaves) = (lead(&flights), wait(&flights));
        let over = Arc::new(AtomicBool::new(false));
        // As the cache beats the clock: sleeps while nobody waits.
        let beats = thread::spawn({
            let (flights, over, someone_waits) = (Arc::clone(&flights), Arc::clone(&over), Arc::clone(&someone_waits));
            move || {
                while !over.load(Ordering::Acquire) {
                    someone_waits.wait();
                    while flights.sweep() {}
                }
            }
        });
        drop(leaves);
        assert_eq!(call(&flights, 2), Came::Alone);
        over.store(true, Ordering::Release);
        someone_waits.notify();
        beats.join().unwrap();
        drop(hangs);
        assert_empty(&flights);
    });
}

/// A leader that is woken while it is polled is polled again.
pub fn a_leader_is_not_left_asleep() {
    check(|| {
        let flights = flights(NEVER);
        let lead = lead(&flights);
        let ready = Arc::new(AtomicBool::new(false));
        let (load_waker, wakes) = loom::sync::mpsc::channel::<Waker>();
        let other = thread::spawn({
            let ready = Arc::clone(&ready);
            move || {
                let waker = wakes.recv().unwrap();
                ready.store(true, Ordering::Release);
                waker.wake();
            }
        });
        let mut sent = false;
        block_on(lead.drive(pin!(poll_fn(|cx| {
            if !sent {
                load_waker.send(cx.waker().clone()).unwrap();
                sent = true;
            }
            if ready.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        }))));
        other.join().unwrap();
        lead.end(Some(1));
        assert_empty(&flights);
    });
}

/// A leader that comes just as it is swept is not counted absent by that sweep.
pub fn a_leader_that_has_come_keeps_the_lead() {
    check(|| {
        let flights = flights(NEVER);
        let lead = lead(&flights);
        let mut wait = wait(&flights);
        start_load(&lead).wake();
        for _ in 2..PATIENCE {
            assert!(flights.sweep());
        }
        let sweeps = thread::spawn({
            let flights = Arc::clone(&flights);
            move || assert!(flights.sweep())
        });
        start_load(&lead);
        sweeps.join().unwrap();
        for _ in 0..PATIENCE {
            assert!(flights.sweep());
        }
        assert!(Pin::new(&mut wait).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        lead.end(Some(1));
        assert_eq!(follow(wait, 2), Came::Shared(1));
        assert_empty(&flights);
    });
}
