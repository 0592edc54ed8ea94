//! The right to fill L2, asked for before the body runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::codec::envelope;
use crate::coherence::lease::{Claim, LEASE_TTL, Lease};
use crate::error::Result;
use crate::guard::Guard;
use crate::stats::Event;
use crate::store::{Found, Reading};
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
    /// Another one loads, under the lease of this nonce, or has just stored it: read again, after a while.
    Again(Option<u64>),
    /// Nothing will be stored in L2.
    Refused,
}

impl Fetched {
    /// Asks for the right to fill what was found missing.
    pub(super) async fn ask(self, request: &Request) -> Asked {
        let (stamps, rejected) = match self {
            Self::Missing { stamps, rejected } => (stamps, rejected),
            Self::Leased(holder) => return Asked::Again(Some(holder)),
            Self::Found { header, bytes, .. } => {
                let groups = &request.region.groups;
                let Some(stamps) = groups.common(request.tags.hashes(), &header.stamps) else { return Asked::Refused };
                return replace(request, &bytes, stamps).await;
            }
            Self::Unreachable | Self::Unasked => return Asked::Refused,
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
            Ok(Claim::Taken(found)) => Asked::Again(envelope::holder(&found)),
            Ok(Claim::Ours(lease)) => match stamp(request, guard, &stamps).await {
                Some(stamps) => Asked::Granted(Fill { lease, stamps }),
                None => Asked::Refused,
            },
        }
    }
}

/// Asks for the right to replace a value, which stays until then. One of the fleet has it at a time: for efficiency only, as what
/// replaces is compared with what was read.
async fn replace(request: &Request, bytes: &[u8], stamps: Vec<(u64, u64)>) -> Asked {
    let Some(guard) = request.l2().filter(|guard| !request.is_cut_off(guard)) else { return Asked::Refused };
    let key = request.l2_key();
    match Lease::claim(guard, &format!("{key}:r").into()).await {
        Err(_) => Asked::Refused,
        Ok(Claim::Taken(found)) => Asked::Again(envelope::holder(&found)),
        Ok(Claim::Ours(turn)) => Asked::Granted(Fill { lease: Lease::over(guard, &key, bytes).during(turn), stamps }),
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
    let guard = request.l2().filter(|guard| !request.is_cut_off(guard))?;
    let key = request.l2_key();
    let lease = match Lease::claim(guard, &key).await.ok()? {
        Claim::Ours(lease) => lease,
        Claim::Taken(found) if envelope::holder(&found).is_some() => return None,
        Claim::Taken(value) => Lease::over(guard, &key, &value),
    };
    Some(Fill { lease, stamps: stamp(request, guard, &[]).await? })
}

/// The right to store over what is there before a write: over another's lease too, for what that one loads is older than the write.
/// `None` if L2 does not give it.
///
/// A lease may be that of an older value in this process's own queue: the token is taken of that value, once it is stored, or it would look
/// like another writer's.
pub(super) async fn token(request: &Request) -> Option<Fill> {
    let guard = request.l2().filter(|guard| !request.is_cut_off(guard))?;
    let key = request.l2_key();
    let read = || guard.read(Arc::clone(&key), request.stamps());
    let is_lease = |found: &Found| envelope::holder(&found.bytes).is_some();
    let mut reading = read().await.ok()?;
    if reading.found.as_ref().is_some_and(is_lease) && request.cache.inner.behind.settle(guard).await {
        reading = read().await.ok()?;
    }
    let Reading { found, stamps } = reading;
    let lease = match found {
        Some(found) => Lease::over(guard, &key, &found.bytes),
        None => match Lease::claim(guard, &key).await.ok()? {
            Claim::Ours(lease) => lease,
            Claim::Taken(found) => Lease::over(guard, &key, &found),
        },
    };
    Some(Fill { lease, stamps: stamp(request, guard, &stamps).await? })
}

/// The stamps of the request's groups: `known`, or made where there are none.
async fn stamp(request: &Request, guard: &Guard, known: &[Option<u64>]) -> Option<Vec<(u64, u64)>> {
    let (groups, tags) = (&request.region.groups, request.tags.hashes());
    let all: Option<Vec<u64>> = known.iter().copied().collect();
    if let Some(all) = all.filter(|all| !all.is_empty()) {
        return Some(groups.stamped(tags, &all));
    }
    let made = guard.stamp(request.stamps(), request.terms.longest()).await.ok()?;
    Some(groups.stamped(tags, &made))
}

/// How long to wait for other instances' loads: as long as the lease may live of one that died; and once more that long for the one that
/// took over from it, so that not everybody loads because one has died.
pub(super) struct Patience {
    /// One lease's life after it was first seen, so that the lease of one that died then has lapsed.
    until: Option<Instant>,
    /// What is asked next is asked after that.
    is_last: bool,
    holder: Option<u64>,
    has_changed: bool,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { until: None, is_last: false, holder: None, has_changed: false }
    }

    /// Waits a little for `holder`, so that a fleet does not ask in step. Says whether to ask again.
    pub(super) async fn pause(&mut self, request: &Request, holder: Option<u64>) -> bool {
        self.meet(holder);
        let Some(guard) = request.l2().filter(|_| !self.is_last) else { return false };
        self.is_last = self.until.is_some_and(|until| now() >= until);
        guard.pause(Duration::from_millis(fastrand::u64(10..=50))).await;
        request.waited();
        true
    }

    fn meet(&mut self, holder: Option<u64>) {
        let is_another = self.holder.is_some() && holder.is_some() && self.holder != holder && !self.has_changed;
        if is_another || self.until.is_none() {
            self.until = Some(now() + LEASE_TTL);
            self.is_last = false;
            self.has_changed = is_another;
        }
        self.holder = holder.or(self.holder);
    }
}
