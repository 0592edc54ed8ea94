//! The heartbeat: reads the log of invalidations, and so proves that this instance has missed none.
//!
//! The log is read from the last entry seen, that one included. If it is there, everything after it is applied, and the time at which
//! the read was sent is the proof. If it is not (trimmed, flushed, rolled back), what was missed cannot be known: an anchor is appended,
//! and everything in memory is stale. The bus only makes it faster: its messages are the same entries, sooner.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use crate::error::{ErrorKind, Result};
use crate::guard::Guard;
use crate::time::Proof;

use super::news::News;

/// Entries a read of the log asks for.
const PAGE: usize = 1_000;
/// Pages a heartbeat reads at most; who is further behind gives up and begins anew.
const PAGES: usize = 10;
/// The bus is joined again after a pause that grows from the first to the second of these.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The longest one where it is refused: that needs a person.
const LONGEST_OF_REFUSED: Duration = Duration::from_secs(30);

/// Acts on news. MUST bump before it removes.
pub(crate) trait Heed: Send + Sync {
    fn heed(&self, news: &News);
    /// Something was missed: everything in memory is stale.
    fn heed_everything(&self);
}

/// When this instance was last known to have missed nothing.
#[derive(Debug)]
pub(crate) struct Pulse {
    proved: AtomicU64,
    max_staleness: Duration,
}

impl Pulse {
    pub(crate) fn new(max_staleness: Duration) -> Self {
        Self { proved: AtomicU64::new(0), max_staleness }
    }

    /// Whether a proof is young enough to be served on without L2.
    #[inline]
    pub(crate) fn vouches(&self, proof: Proof, now: Proof) -> bool {
        proof.is_within(self.max_staleness, now)
    }

    /// The last heartbeat. It proves what was found in memory *after* it was asked for: what the heartbeat removed may have been found
    /// before.
    #[inline]
    pub(crate) fn latest(&self) -> Proof {
        Proof::from_nanos(self.proved.load(Ordering::Acquire))
    }

    fn beat(&self, sent: Proof) {
        self.proved.fetch_max(sent.nanos(), Ordering::AcqRel);
    }
}

/// One instance's reader of the log.
pub(crate) struct Watch {
    guard: Guard,
    log: Arc<str>,
    channel: Arc<str>,
    heed: Weak<dyn Heed>,
    pulse: Arc<Pulse>,
    /// The id of the last entry applied; none before the first heartbeat.
    last: Option<String>,
}

impl Watch {
    pub(crate) fn new(guard: &Guard, log: &str, channel: &str, heed: Weak<dyn Heed>, pulse: &Arc<Pulse>) -> Self {
        let (guard, pulse) = (guard.clone(), Arc::clone(pulse));
        Self { guard, log: log.into(), channel: channel.into(), heed, pulse, last: None }
    }

    /// Reads the log at a steady beat and listens to the bus, until nobody heeds any more.
    pub(crate) async fn run(mut self) {
        let gap = Arc::new(Notify::new());
        let bus = self.guard.spawn(listen(
            self.guard.clone(),
            Arc::clone(&self.channel),
            self.heed.clone(),
            Arc::clone(&gap),
        ));
        while self.heed.strong_count() > 0 {
            // A bus that was lost and found again may have missed something: look at once.
            let _ = tokio::time::timeout(self.pulse.max_staleness / 4, gap.notified()).await;
            self.beat().await;
        }
        bus.abort();
    }

    /// One heartbeat. The first one, before anything is in memory, spares it an epoch.
    pub(crate) async fn beat(&mut self) {
        let beaten = match self.last.clone() {
            None => self.anchor().await,
            Some(last) => self.read(last).await,
        };
        if let Err(error) = beaten {
            tracing::debug!(%error, "heartbeat failed");
        }
    }

    /// Applies what is new in the log after `last`.
    async fn read(&mut self, mut last: String) -> Result<()> {
        for _ in 0..PAGES {
            let sent = Proof::now();
            let page = self.guard.read_log(Arc::clone(&self.log), last.clone(), PAGE).await?;
            let full = page.len() == PAGE;
            let mut entries = page.into_iter();
            if entries.next().is_none_or(|(id, _)| id != last) {
                break;
            }
            let Some(heed) = self.heed.upgrade() else { return Ok(()) };
            for (id, message) in entries {
                heed.heed(&News::decode(&message));
                last = id;
            }
            if !full {
                self.last = Some(last);
                self.pulse.beat(sent);
                return Ok(());
            }
        }
        self.anchor().await
    }

    /// Begins anew at a place of its own in the log.
    async fn anchor(&mut self) -> Result<()> {
        self.last = None;
        let sent = Proof::now();
        let id = self.guard.append(Arc::clone(&self.log), News::Anchor.encode()).await?;
        if let Some(heed) = self.heed.upgrade() {
            heed.heed_everything();
        }
        self.last = Some(id);
        self.pulse.beat(sent);
        Ok(())
    }
}

/// Stays on the bus, and heeds what it says.
async fn listen(guard: Guard, channel: Arc<str>, heed: Weak<dyn Heed>, gap: Arc<Notify>) {
    let mut pause = FIRST_PAUSE;
    while heed.strong_count() > 0 {
        let heed = heed.clone();
        let hear = move |message: &[u8]| {
            if let Some(heed) = heed.upgrade() {
                heed.heed(&News::decode(message));
            }
        };
        let joined = Arc::clone(&gap);
        let ended = guard.listen(&channel, Box::new(hear), Box::new(move || joined.notify_one())).await;
        gap.notify_one();
        pause = match ended {
            Ok(()) => FIRST_PAUSE,
            Err(error) if error.kind() == ErrorKind::Refused => (pause * 2).min(LONGEST_OF_REFUSED),
            Err(_) => (pause * 2).min(LONGEST_PAUSE),
        };
        tokio::time::sleep(pause).await;
    }
}
