//! The heartbeat: reads the log of invalidations, and so proves that this instance has missed none.
//!
//! The log is read from the last entry seen, that one included. If it is there, everything after it is applied, and the time at which
//! the read was sent is the proof. If it is not (trimmed, flushed, rolled back), what was missed cannot be known: an anchor is appended,
//! and everything in memory is stale. The bus only makes it faster: its messages are the same entries, sooner.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use crate::error::Result;
use crate::guard::Guard;
use crate::store::Op;
use crate::time::Proof;

use super::bus::Bus;
use super::journal::{History, Id, Journal};
use super::news::News;

/// Entries a read of the log asks for.
const PAGE: usize = 1_000;
/// Pages a heartbeat reads at most; who is further behind gives up and begins anew.
const PAGES: usize = 10;
/// Pages of the log that are compared with the journal at most: more than it has.
const WHOLE_LOG: usize = 100;

/// Acts on news. MUST bump before it removes.
pub(crate) trait Heed: Send + Sync {
    fn heed(&self, message: &[u8]);
    /// Something was missed: everything in memory is stale.
    fn heed_everything(&self);
    /// Invalidates anew what L2 has lost.
    fn redo(&self, news: News) -> Op<'_, ()>;
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
    heed: Weak<dyn Heed>,
    pulse: Arc<Pulse>,
    journal: Arc<Journal>,
    /// The last entry applied, id and message; none before the first heartbeat.
    last: Option<(String, Vec<u8>)>,
    /// A history that has ended, or is in doubt, and of which L2 may have lost something.
    ended: Option<History>,
    /// How many servers had been replaced when this was last looked at.
    successions: u64,
}

impl Watch {
    pub(crate) fn new(
        guard: &Guard,
        log: &str,
        heed: Weak<dyn Heed>,
        pulse: &Arc<Pulse>,
        journal: &Arc<Journal>,
    ) -> Self {
        let (guard, pulse, journal) = (guard.clone(), Arc::clone(pulse), Arc::clone(journal));
        Self { guard, log: log.into(), heed, pulse, journal, last: None, ended: None, successions: 0 }
    }

    /// Reads the log at a steady beat and listens to the bus, until nobody heeds any more.
    pub(crate) async fn run(mut self, bus: Bus) {
        let gap = Arc::new(Notify::new());
        let bus = self.guard.spawn(bus.run(Arc::clone(&gap)));
        while self.heed.strong_count() > 0 {
            // A bus that was lost and found again may have missed something: look at once.
            let _ = tokio::time::timeout(self.quarter(), gap.notified()).await;
            let successions = self.guard.successions();
            if self.beat().await {
                self.doubt(successions);
            }
            self.make_good().await;
        }
        bus.abort();
    }

    fn quarter(&self) -> Duration {
        self.pulse.max_staleness / 4
    }

    /// One heartbeat, and whether it went well. The first one, before anything is in memory, spares it an epoch.
    pub(crate) async fn beat(&mut self) -> bool {
        let beaten = match self.last.clone() {
            None => self.anchor().await,
            Some(last) => self.read(last).await,
        };
        if let Err(error) = beaten {
            tracing::debug!(%error, "heartbeat failed");
            return false;
        }
        true
    }

    /// A server that was replaced before a heartbeat may have taken with it what is in the log by then.
    fn doubt(&mut self, successions: u64) {
        if successions != self.successions {
            self.successions = successions;
            let ended = self.ended.take().map_or_else(|| self.journal.in_doubt(), History::in_doubt);
            self.ended = Some(ended);
        }
    }

    /// Applies what is new in the log after `last`.
    async fn read(&mut self, mut last: (String, Vec<u8>)) -> Result<()> {
        for _ in 0..PAGES {
            let sent = Proof::now();
            let page = self.guard.read_log(Arc::clone(&self.log), last.0.clone(), PAGE).await?;
            let full = page.len() == PAGE;
            let mut entries = page.into_iter();
            if entries.next().is_none_or(|first| first != last) {
                return self.begin_anew(Id::parse(&last.0)).await;
            }
            let Some(heed) = self.heed.upgrade() else { return Ok(()) };
            for entry in entries {
                heed.heed(&entry.1);
                self.journal.saw(&entry.0, &entry.1, sent);
                last = entry;
            }
            if full {
                continue;
            }
            if self.journal.misses(sent) {
                // Lost before any heartbeat could see it.
                return self.begin_anew(Id::parse(&last.0)).await;
            }
            self.last = Some(last);
            self.pulse.beat(sent);
            return Ok(());
        }
        self.anchor().await
    }

    /// The log has not what it had. If it was trimmed, only this instance has missed something; else L2 may have lost it.
    async fn begin_anew(&mut self, last: Id) -> Result<()> {
        let begin = self.guard.trimmed_to(Arc::clone(&self.log)).await?;
        if begin.is_none_or(|begin| Id::parse(&begin) <= last) {
            let ended = self.journal.take();
            // Two at once cannot be told apart any more: one without entries stands for everything.
            self.ended = Some(if self.ended.is_some() { History::default() } else { ended });
        }
        self.anchor().await
    }

    /// Begins anew at a place of its own in the log.
    async fn anchor(&mut self) -> Result<()> {
        self.last = None;
        let sent = Proof::now();
        let message = News::Anchor(fastrand::u64(..)).encode(0);
        let id = self.guard.append(Arc::clone(&self.log), message.clone()).await?;
        if let Some(heed) = self.heed.upgrade() {
            heed.heed_everything();
        }
        self.journal.begin(&id, &message, sent);
        self.last = Some((id, message));
        self.pulse.beat(sent);
        Ok(())
    }

    /// Redoes what L2 has lost; what fails is tried again at the next beat.
    async fn make_good(&mut self) {
        let Some(ended) = &self.ended else { return };
        // Every instance has found it in the same moment: one is to be the first, and the others to find it done.
        tokio::time::sleep(self.quarter().mul_f64(fastrand::f64())).await;
        match self.redo_lost(ended).await {
            Ok(()) => self.ended = None,
            Err(error) => tracing::debug!(%error, "what L2 has lost could not be invalidated anew yet"),
        }
    }

    async fn redo_lost(&self, ended: &History) -> Result<()> {
        let lost = ended.lost(&self.log_from(ended.oldest()).await?);
        let Some(heed) = self.heed.upgrade() else { return Ok(()) };
        if !lost.is_empty() {
            tracing::warn!("Redis has lost acknowledged invalidations: they are made anew");
        }
        // What is redone in several steps is redone twice: a load in between may have used what a later one removes.
        let passes = if lost.len() > 1 { 2 } else { 1 };
        for news in (0..passes).flat_map(|_| lost.clone()) {
            heed.redo(news).await?;
        }
        Ok(())
    }

    async fn log_from(&self, from: Id) -> Result<Vec<(Id, Vec<u8>)>> {
        let (mut log, mut from) = (Vec::new(), from.to_string());
        for _ in 0..WHOLE_LOG {
            let page = self.guard.read_log(Arc::clone(&self.log), from.clone(), PAGE).await?;
            let full = page.len() == PAGE;
            if let Some((last, _)) = page.last() {
                from.clone_from(last);
            }
            log.extend(page.into_iter().map(|(id, message)| (Id::parse(&id), message)));
            if !full {
                break;
            }
        }
        Ok(log)
    }
}
