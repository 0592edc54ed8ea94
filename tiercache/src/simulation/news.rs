//! The second half of a removal or a commit: the log's entry, and the news of it.

use tokio::time::sleep;

use crate::error::Result;
use crate::store::memory::Memory;
use crate::store::{Shared, Tell};

use super::plan::{LONGEST_TRIP, happens, up_to};
use super::world::World;

/// Between two steps of a cluster.
const LONGEST_GAP: u64 = 70;

impl World {
    /// In a cluster the keys are on several nodes, and the log is on another one.
    pub(super) async fn gap(&self) {
        if self.plan.split {
            sleep(up_to(LONGEST_GAP)).await;
        }
    }

    /// Gives the place in the log.
    pub(super) async fn tell(&self, server: &Memory, tell: &Tell) -> Result<String> {
        let place = server.append(&tell.log, tell.message.clone()).await?;
        self.publish(&tell.channel, &tell.message);
        Ok(place)
    }

    /// To each subscriber by itself: in any order, or not at all.
    pub(super) fn publish(&self, channel: &str, message: &[u8]) {
        for slot in 0..self.slots() {
            let cut = self.now() < self.slot(slot).cut_until;
            if let Some((joined, inbox)) = self.slot(slot).inbox.clone()
                && joined == channel
                && !cut
                && !happens(self.plan.unheard)
            {
                let message = message.to_vec();
                tokio::spawn(async move {
                    sleep(up_to(LONGEST_TRIP)).await;
                    // Who listened may be gone.
                    let _ = inbox.send(message);
                });
            }
        }
    }
}
