//! A connection to a primary follows it: one that was deposed may go on answering, and what it is told is lost.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::{Shared, State};
use crate::store::redis::sentinel::Sentinels;
use crate::store::redis::server::Server;

/// How often the sentinels are asked who is the primary.
const BEAT: Duration = Duration::from_millis(500);

/// Begins to, if it does not yet.
pub(super) fn follow(shared: &Arc<Shared>) {
    let Server::Primary(sentinels) = &shared.server else { return };
    if !shared.following.swap(true, Relaxed) {
        tokio::spawn(keep(Arc::clone(sentinels), Arc::downgrade(shared)));
    }
}

/// Until the connection is closed or let go of.
async fn keep(sentinels: Arc<Sentinels>, shared: Weak<Shared>) {
    let mut known = None;
    loop {
        tokio::time::sleep(BEAT).await;
        let primary = sentinels.primary().await;
        let Some(shared) = shared.upgrade() else { return };
        if matches!(*shared.lock(), State::Closed) {
            return;
        }
        if let Some(primary) = primary {
            shared.turn_to(&primary, known.as_ref() != Some(&primary));
            known = Some(primary);
        }
    }
}

impl Shared {
    fn turn_to(&self, primary: &str, is_news: bool) {
        let deposed = match &mut *self.lock() {
            State::Up { address, serial, .. } if address != primary => *serial,
            State::Down { retry_at, .. } if is_news => {
                *retry_at = Instant::now();
                return;
            }
            _ => return,
        };
        self.drop_connection(deposed, "the sentinels name another primary");
    }
}
