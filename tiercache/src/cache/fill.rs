//! The right to fill L2, asked for before the body runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::codec::envelope;
use crate::coherence::lease::{Claim, LEASE_TTL, Lease};
use crate::error::Result;
use crate::guard::Guard;
use crate::stats::Event;
use crate::time::now;

use super::fetch::{Fetched, Rejected};
use super::request::Request;

/// The right to store a value in L2, and the stamps it will carry: those that held before its load began.
#[derive(Debug)]
pub(super) struct Fill {
    pub(super) lease: Lease,
    pub(super) stamps: Vec<(u64, u64)>,
}

/// What came of asking.
pub(super) enum Asked {
    Granted(Fill),
    /// Another one loads or has just stored it: read again, after a while.
    Again,
    /// Nothing will be stored in L2.
    Refused,
}

impl Fetched {
    /// Asks for the right to fill what was found missing.
    pub(super) async fn ask(self, request: &Request) -> Asked {
        let Self::Missing { stamps, rejected } = self else {
            return if matches!(self, Self::Leased) { Asked::Again } else { Asked::Refused };
        };
        let Some(guard) = request.l2() else { return Asked::Refused };
        let key = request.l2_key();
        if let Some(rejected) = rejected
            && rejected.remove(guard, &key).await.is_err()
        {
            return Asked::Refused;
        }
        match Lease::claim(guard, &key).await {
            Err(_) => {
                request.region.counters.count(Event::StoreFailed);
                Asked::Refused
            }
            Ok(Claim::Taken(_)) => Asked::Again,
            Ok(Claim::Ours(lease)) => match stamp(request, guard, &stamps).await {
                Some(stamps) => Asked::Granted(Fill { lease, stamps }),
                None => Asked::Refused,
            },
        }
    }
}

impl Rejected {
    /// Makes room, unless somebody else has: of a whole fleet that rejects a value, one loads it anew.
    async fn remove(self, guard: &Guard, key: &Arc<str>) -> Result<()> {
        match self {
            Self::Bytes(bytes) if !bytes.is_empty() => guard.release(Arc::clone(key), bytes).await.map(drop),
            Self::Bytes(_) | Self::WrongType => guard.remove(vec![key.to_string()]).await,
        }
    }
}

/// The right to store over whatever is there, for a call that does not read; `None` while another one loads it.
pub(super) async fn refill(request: &Request) -> Option<Fill> {
    let guard = request.l2()?;
    let key = request.l2_key();
    let lease = match Lease::claim(guard, &key).await.ok()? {
        Claim::Ours(lease) => lease,
        Claim::Taken(found) if envelope::is_lease(&found) => return None,
        Claim::Taken(value) => Lease::over(guard, &key, &value),
    };
    Some(Fill { lease, stamps: stamp(request, guard, &[]).await? })
}

/// The stamps of the request's groups: `known`, or made where there are none.
async fn stamp(request: &Request, guard: &Guard, known: &[Option<u64>]) -> Option<Vec<(u64, u64)>> {
    let groups = &request.region.groups;
    let all: Option<Vec<u64>> = known.iter().copied().collect();
    if let Some(all) = all.filter(|all| !all.is_empty()) {
        return Some(groups.stamped(&all));
    }
    let made = guard.stamp(request.cache.stamps_key(), groups.fields()).await.ok()?;
    Some(groups.stamped(&made))
}

/// How long to wait for another instance's load: as long as its lease may live.
pub(super) struct Patience {
    until: Instant,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { until: now() + LEASE_TTL }
    }

    /// Waits a little, so that a fleet does not ask in step. Says whether to ask again.
    pub(super) async fn pause(&self, request: &Request) -> bool {
        let Some(guard) = request.l2().filter(|_| now() < self.until) else { return false };
        guard.pause(Duration::from_millis(fastrand::u64(10..=50))).await;
        true
    }
}
