//! The bus: news at once, by pub/sub. It may lose any of them; the log does not.
//!
//! Whenever it has been joined it is tried: a message is published, and must be heard. A server may allow the subscription and
//! not the message, or neither; nothing fails then, invalidations are only slower elsewhere. So it must be said.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::Notify;

use crate::error::{ErrorKind, Result};
use crate::guard::Guard;

use super::news::News;
use super::watch::Heed;

/// It is joined again after a pause that grows from the first to the second of these.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The longest one where it is refused: that needs a person.
const LONGEST_OF_REFUSED: Duration = Duration::from_secs(30);
/// How long a trial may take to be heard.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether this instance hears at once what others invalidate. If it does not, it learns it within `max_staleness`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum BusHealth {
    /// There is none, or it has not been tried yet.
    #[default]
    Unknown,
    /// What this instance published for a trial came back.
    Heard {
        /// How long that took.
        took: Duration,
    },
    /// It does not work.
    Deaf {
        /// Why.
        reason: String,
    },
}

/// What is known of the bus.
#[derive(Debug, Default)]
pub(crate) struct Ear(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    health: BusHealth,
    /// The nonce of the trial that has not been heard yet, and when it was sent.
    awaited: Option<(u64, Instant)>,
}

impl Ear {
    pub(crate) fn health(&self) -> BusHealth {
        self.state().health.clone()
    }

    fn send(&self, nonce: u64) {
        self.state().awaited = Some((nonce, Instant::now()));
    }

    /// Also when it is late: a busy machine is no deaf one.
    fn hear(&self, nonce: u64) {
        let mut state = self.state();
        if let Some((_, sent)) = state.awaited.take_if(|(awaited, _)| *awaited == nonce) {
            state.health = BusHealth::Heard { took: sent.elapsed() };
        }
    }

    fn give_up(&self, nonce: u64, reason: &str) {
        let mut state = self.state();
        if state.awaited.is_some_and(|(awaited, _)| awaited == nonce) {
            state.health = BusHealth::Deaf { reason: reason.to_owned() };
        }
    }

    fn lose(&self, reason: String) {
        *self.state() = State { health: BusHealth::Deaf { reason }, awaited: None };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One instance's place on the bus.
#[derive(Clone)]
pub(crate) struct Bus {
    guard: Guard,
    channel: Arc<str>,
    heed: Weak<dyn Heed>,
    ear: Arc<Ear>,
}

impl Bus {
    pub(crate) fn new(guard: &Guard, channel: &str, heed: Weak<dyn Heed>, ear: &Arc<Ear>) -> Self {
        Self { guard: guard.clone(), channel: channel.into(), heed, ear: Arc::clone(ear) }
    }

    /// Stays on the bus, and heeds what it says. Notifies of each `gap` in what it hears.
    pub(crate) async fn run(self, gap: Arc<Notify>) {
        let mut pause = FIRST_PAUSE;
        while self.heed.strong_count() > 0 {
            let ended = self.listen(&gap).await;
            gap.notify_one();
            pause = match &ended {
                Ok(()) => FIRST_PAUSE,
                Err(error) if matches!(error.kind(), ErrorKind::Refused | ErrorKind::Forbidden) => {
                    (pause * 2).min(LONGEST_OF_REFUSED)
                }
                Err(_) => (pause * 2).min(LONGEST_PAUSE),
            };
            self.ear.lose(ended.err().map_or_else(|| "the connection was lost".to_owned(), |error| error.to_string()));
            tokio::time::sleep(pause).await;
        }
    }

    async fn listen(&self, gap: &Arc<Notify>) -> Result<()> {
        let (heed, ear) = (self.heed.clone(), Arc::clone(&self.ear));
        let hear = move |message: &[u8]| {
            let (_, news) = News::decode(message);
            if let News::Anchor(nonce) = news {
                ear.hear(nonce);
            } else if let Some(heed) = heed.upgrade() {
                heed.heed(message);
            }
        };
        let (joined, bus) = (Arc::clone(gap), self.clone());
        let joined = move || {
            joined.notify_one();
            bus.guard.clone().spawn(bus.clone().try_out());
        };
        self.guard.listen(&self.channel, Box::new(hear), Box::new(joined)).await
    }

    /// Publishes a message, and sees whether it is heard.
    async fn try_out(self) {
        let nonce = fastrand::u64(..);
        self.ear.send(nonce);
        if let Err(error) = self.guard.publish(self.channel, News::Anchor(nonce).encode(0)).await {
            return self.ear.give_up(nonce, &error.to_string());
        }
        tokio::time::sleep(PATIENCE).await;
        self.ear.give_up(nonce, "what was published was not heard");
    }
}
