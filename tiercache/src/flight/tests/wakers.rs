//! Which waker rings, and what dropping one may do.

use super::*;

#[test]
fn a_waker_that_is_replaced_between_polls_is_the_one_to_ring() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let mut wait = waits(flights.join(&"k"));
    let (old, new) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
    ask_as(&mut wait, &Waker::from(Arc::clone(&old)));
    ask_as(&mut wait, &Waker::from(Arc::clone(&new)));
    assert_eq!(Arc::strong_count(&old), 1, "the old waker is still kept");
    lead.end(Some(1));
    assert_eq!((old.rings(), new.rings()), (0, 1));
}

#[test]
fn a_leader_is_woken_by_the_waker_of_its_last_poll() {
    let flights = flights(NEVER);
    let lead = leads(flights.join(&"k"));
    let mut load_waker = None;
    let load = pin!(poll_fn(|cx| {
        load_waker.get_or_insert_with(|| cx.waker().clone()).wake_by_ref();
        Poll::<()>::Pending
    }));
    let mut drive = pin!(lead.drive(load));
    let (old, new) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
    for bell in [&old, &new] {
        assert!(drive.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(bell)))).is_pending());
    }
    assert_eq!((old.rings(), new.rings()), (1, 1));
}

/// A waker that is the last to hold a task, which waits for the same load.
struct LastHolder(#[allow(dead_code, reason = "held to be dropped")] Mutex<Wait<Key, u32>>);

impl Wake for LastHolder {
    fn wake(self: Arc<Self>) {}
}

/// Fails if `run` hangs, as it does when it locks what it holds already.
fn without_hanging(run: impl FnOnce() + Send + 'static) {
    let (done, finished) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        run();
        done.send(()).expect("the test waits for it");
    });
    finished.recv_timeout(std::time::Duration::from_secs(20)).expect("it hangs, or has panicked");
}

#[test]
fn a_waker_may_be_the_last_to_hold_another_waiter() {
    without_hanging(|| {
        let flights = flights(NEVER);
        let lead = leads(flights.join(&"k"));
        let holder = || Waker::from(Arc::new(LastHolder(Mutex::new(waits(flights.join(&"k"))))));
        let mut wait = waits(flights.join(&"k"));
        for waker in [holder(), holder()] {
            ask_as(&mut wait, &waker);
        }
        ask(&mut wait);
        ask_as(&mut wait, &holder());
        drop(wait);
        let load = pin!(pending::<()>());
        let mut drive = Box::pin(lead.drive(load));
        for waker in [holder(), Waker::noop().clone()] {
            assert!(drive.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        let (_called, mut heir) = (waits(flights.join(&"k")), waits(flights.join(&"k")));
        ask_as(&mut heir, &holder());
        drop(drive);
        drop(lead);
        let _lead = take_lead(&mut heir);
    });
}

/// A waker that is the last to hold a task, which the load waits for: a sender, say, whose drop wakes the receiver.
struct LastSender(Mutex<Option<Waker>>);

impl Wake for LastSender {
    fn wake(self: Arc<Self>) {}
}

impl Drop for LastSender {
    fn drop(&mut self) {
        lock(&self.0).take().expect("it was given the load's waker").wake();
    }
}

#[test]
fn a_waker_may_be_the_last_to_hold_what_the_load_waits_for() {
    without_hanging(|| {
        let flights = flights(NEVER);
        let lead = leads(flights.join(&"k"));
        let sender = Arc::new(LastSender(Mutex::new(None)));
        let shared = Arc::downgrade(&sender);
        let load = pin!(poll_fn(|cx| {
            if let Some(sender) = shared.upgrade() {
                lock(&sender.0).get_or_insert_with(|| cx.waker().clone());
            }
            Poll::<()>::Pending
        }));
        let mut drive = pin!(lead.drive(load));
        for waker in [Waker::from(sender), Waker::noop().clone()] {
            assert!(drive.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
    });
}
