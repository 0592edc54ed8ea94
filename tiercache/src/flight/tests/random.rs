//! Random schedules of callers that come, stall, panic and go away: whoever stays is answered, and nothing is left.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;

const KEYS: u8 = 2;

/// What a load gives: its key, and a number of its own.
type Value = (u8, usize);

/// How a caller's load goes.
#[derive(Clone, Copy, Debug)]
struct Plan {
    key: u8,
    /// How often it waits for an event before it ends.
    waits: u8,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Value,
    Nothing,
    Panic,
}

/// One step of a schedule; the numbers choose among the callers.
#[derive(Clone, Copy, Debug)]
enum Step {
    Come(Plan),
    /// The executor polls a caller that was woken.
    Run(usize),
    /// Polled from another task, which its wakers must reach from then on.
    Move(usize),
    /// The caller's future is left unpolled, whatever wakes it.
    Park(usize),
    Unpark(usize),
    /// The event comes that the caller's load waits for.
    Event(usize),
    Drop(usize),
    Forget(u8),
    Sweep,
}

fn plans() -> impl Strategy<Value = Plan> {
    let ends = prop_oneof![6 => Just(End::Value), 1 => Just(End::Nothing), 1 => Just(End::Panic)];
    (0..KEYS, 0..3_u8, ends).prop_map(|(key, waits, end)| Plan { key, waits, end })
}

fn steps() -> impl Strategy<Value = Step> {
    let some = || any::<prop::sample::Index>().prop_map(|index| index.index(1 << 16));
    prop_oneof![
        8 => plans().prop_map(Step::Come),
        12 => some().prop_map(Step::Run),
        2 => some().prop_map(Step::Move),
        2 => some().prop_map(Step::Park),
        1 => some().prop_map(Step::Unpark),
        6 => some().prop_map(Step::Event),
        3 => some().prop_map(Step::Drop),
        1 => (0..KEYS).prop_map(Step::Forget),
        8 => Just(Step::Sweep),
    ]
}

/// What happened to the loads, as far as answers are judged by it.
#[derive(Default)]
struct Ledger {
    /// Of each caller, when it came.
    came: Vec<usize>,
    /// When a key was forgotten.
    forgotten: Vec<(u8, usize)>,
    /// Leaders' loads under way.
    leading: Vec<u8>,
    /// Keys of which two loads may be under way: forgotten, or with a caller that stayed away too long.
    excused: Vec<u8>,
    /// Keys of which a load ended with nothing.
    fruitless: Vec<u8>,
    now: usize,
}

impl Ledger {
    /// Whether `key` was forgotten between the comings of two callers: then they do not share a load.
    fn are_apart(&self, key: u8, one: usize, other: usize) -> bool {
        let (one, other) = (self.came[one], self.came[other]);
        let between = one.min(other)..one.max(other);
        self.forgotten.iter().any(|(forgotten, when)| *forgotten == key && between.contains(when))
    }
}

/// A leader's load under way, until dropped.
struct Leading<'a>(&'a RefCell<Ledger>, u8);

impl<'a> Leading<'a> {
    fn begin(ledger: &'a RefCell<Ledger>, key: u8) -> Self {
        let mut now = ledger.borrow_mut();
        assert!(!now.leading.contains(&key) || now.excused.contains(&key), "two loads of a key at once");
        now.leading.push(key);
        Self(ledger, key)
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        let leading = &mut self.0.borrow_mut().leading;
        let at = leading.iter().position(|key| *key == self.1).expect("it was put in");
        leading.remove(at);
    }
}

/// Events that a load waits for.
#[derive(Default)]
struct Events {
    left: u8,
    waiting: Option<Waker>,
}

impl Events {
    fn come(&mut self) -> Option<Waker> {
        self.left = self.left.saturating_sub(1);
        self.waiting.take()
    }
}

/// The body of a caller's load.
async fn body(plan: Plan, events: &RefCell<Events>) {
    poll_fn(|cx| {
        let mut events = events.borrow_mut();
        if events.left == 0 {
            return Poll::Ready(());
        }
        events.waiting = Some(cx.waker().clone());
        Poll::Pending
    })
    .await;
    if plan.end == End::Panic {
        // A panic that prints nothing.
        resume_unwind(Box::new("of the load"));
    }
}

/// A call as the cache makes it; judges its own answer.
async fn call(
    flights: Arc<Flights<u8, Value>>,
    me: usize,
    plan: Plan,
    wait_limit: u32,
    ledger: Rc<RefCell<Ledger>>,
    events: Rc<RefCell<Events>>,
) {
    let key = plan.key;
    let lead = match flights.join(&key) {
        Role::Reentrant => panic!("no load here calls another"),
        Role::Lead(lead) => Some(lead),
        Role::Wait(wait) => match wait.await {
            Turn::Lead(lead) => Some(lead),
            Turn::Shared((of, who)) => {
                assert_eq!(of, key, "the value is another key's");
                assert!(!ledger.borrow().are_apart(key, me, who), "the value is from across a forget");
                return;
            }
            Turn::Alone => None,
        },
    };
    let Some(lead) = lead else {
        let excused = wait_limit < NEVER || ledger.borrow().fruitless.contains(&key);
        assert!(excused, "was sent away, though nothing failed and nobody waited too long");
        return body(plan, &events).await;
    };
    let load = pin!(async {
        let _leading = Leading::begin(&ledger, key);
        body(plan, &events).await;
    });
    lead.drive(load).await;
    if plan.end == End::Nothing {
        ledger.borrow_mut().fruitless.push(key);
    }
    lead.end((plan.end == End::Value).then_some((key, me)));
}

struct Caller {
    key: u8,
    /// None: answered, dropped, or ended by a panic.
    call: Option<Pin<Box<dyn Future<Output = ()>>>>,
    events: Rc<RefCell<Events>>,
    bell: Arc<Bell>,
    /// How many rings have been answered by a poll.
    heard: usize,
    parked: bool,
    /// How many sweeps came since it was woken and not polled.
    missed: u32,
}

impl Caller {
    fn is_woken(&self) -> bool {
        self.call.is_some() && self.bell.rings() > self.heard
    }

    /// Polls the call; says whether it was there to be polled.
    fn run(&mut self) -> bool {
        let Some(call) = &mut self.call else { return false };
        self.heard = self.bell.rings();
        self.missed = 0;
        let waker = Waker::from(Arc::clone(&self.bell));
        let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(&mut Context::from_waker(&waker))));
        match polled {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(())) => self.call = None,
            Err(panic) => {
                self.call = None;
                let text = panic.downcast_ref::<&str>().copied().unwrap_or("an assertion");
                assert_eq!(text, "of the load", "a check failed within a call: see above");
            }
        }
        true
    }
}

struct World {
    flights: Arc<Flights<u8, Value>>,
    wait_limit: u32,
    ledger: Rc<RefCell<Ledger>>,
    callers: Vec<Caller>,
}

impl World {
    fn new(wait_limit: u32) -> Self {
        let flights = Arc::new(Flights::new(wait_limit, || {}));
        Self { flights, wait_limit, ledger: Rc::default(), callers: Vec::new() }
    }

    fn step(&mut self, step: Step) {
        self.ledger.borrow_mut().now += 1;
        match step {
            Step::Come(plan) => self.come(plan),
            Step::Forget(key) => self.forget(key),
            Step::Sweep => drop(self.sweep()),
            Step::Run(which) => {
                let mut woken: Vec<_> =
                    self.callers.iter_mut().filter(|caller| caller.is_woken() && !caller.parked).collect();
                if let Some(caller) = choose(&mut woken, which) {
                    caller.run();
                }
            }
            Step::Event(which) => {
                let woken = choose(&mut self.callers, which).and_then(|caller| caller.events.borrow_mut().come());
                woken.into_iter().for_each(Waker::wake);
            }
            Step::Move(which) => self.with(which, |caller| {
                if !caller.parked {
                    caller.bell = Arc::default();
                    caller.run();
                }
            }),
            Step::Park(which) => self.with(which, |caller| caller.parked = true),
            Step::Unpark(which) => self.with(which, |caller| caller.parked = false),
            Step::Drop(which) => self.with(which, |caller| caller.call = None),
        }
    }

    fn with(&mut self, which: usize, change: impl FnOnce(&mut Caller)) {
        if let Some(caller) = choose(&mut self.callers, which) {
            change(caller);
        }
    }

    fn come(&mut self, plan: Plan) {
        let me = self.callers.len();
        let events = Rc::new(RefCell::new(Events { left: plan.waits, waiting: None }));
        let mut ledger = self.ledger.borrow_mut();
        let now = ledger.now;
        ledger.came.push(now);
        drop(ledger);
        let flights = Arc::clone(&self.flights);
        let call = call(flights, me, plan, self.wait_limit, Rc::clone(&self.ledger), Rc::clone(&events));
        let mut caller = Caller {
            key: plan.key,
            call: Some(Box::pin(call)),
            events,
            bell: Arc::default(),
            heard: 0,
            parked: false,
            missed: 0,
        };
        caller.run();
        self.callers.push(caller);
    }

    fn forget(&mut self, key: u8) {
        let mut ledger = self.ledger.borrow_mut();
        let now = ledger.now;
        ledger.forgotten.push((key, now));
        ledger.excused.push(key);
        self.flights.forget(&key);
    }

    fn sweep(&mut self) -> bool {
        for caller in self.callers.iter_mut().filter(|caller| caller.is_woken()) {
            caller.missed += 1;
            if caller.missed > LEADER_PATIENCE {
                self.ledger.borrow_mut().excused.push(caller.key);
            }
        }
        self.flights.sweep()
    }

    /// Lets every event come and every caller that is not parked run, until nobody moves.
    fn settle(&mut self) {
        loop {
            let mut moved = false;
            for caller in &mut self.callers {
                while let Some(waker) = { caller.events.borrow_mut().come() } {
                    waker.wake();
                    moved |= !caller.parked && caller.run();
                }
                moved |= caller.is_woken() && !caller.parked && caller.run();
            }
            if !moved {
                return;
            }
        }
    }

    /// Every caller that is still there and not parked gets its answer. Only parked ones can make that need sweeps.
    fn answer_all(&mut self) {
        self.settle();
        let is_parked = |caller: &&Caller| caller.parked && caller.call.is_some();
        let parked = self.callers.iter().filter(is_parked).count();
        for _ in 0..parked {
            for _ in 0..=LEADER_PATIENCE {
                self.sweep();
            }
            self.settle();
        }
        let waiting = self.callers.iter().filter(|caller| caller.call.is_some() && !caller.parked).count();
        assert_eq!(waiting, 0, "callers hang, with {parked} parked ones");
    }

    fn assert_nothing_is_left(mut self) {
        self.callers.clear();
        assert_eq!(self.flights.len(), 0, "loads are left in the table");
        assert!(!self.flights.sweep(), "somebody is still said to wait");
        assert!(lock(&self.flights.watched).is_empty(), "the sweep still has slots to look at");
        assert_eq!(Arc::strong_count(&self.flights), 1, "somebody still holds the flights");
    }
}

fn choose<T>(among: &mut [T], which: usize) -> Option<&mut T> {
    let count = among.len();
    if count == 0 { None } else { among.get_mut(which % count) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whoever_stays_is_answered_and_nothing_is_left(
        steps in prop::collection::vec(steps(), 1..120),
        wait_limit in prop_oneof![Just(2), Just(NEVER)],
    ) {
        let mut world = World::new(wait_limit);
        for step in steps {
            world.step(step);
        }
        world.answer_all();
        world.assert_nothing_is_left();
    }
}
