//! The only counters: events, gauges and latencies of a region, and the snapshot made of them.

mod counters;
mod snapshot;

pub(crate) use counters::{Counters, Event, Timed};
pub(crate) use snapshot::Tally;
pub use snapshot::{Counts, L2Counts, Latency, Stats};

/// Where the answer of a call came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// This process's memory.
    L1,
    /// The shared tier.
    L2,
    /// The function's body, run by this call.
    Loader,
    /// The load of another caller, which this call waited for.
    Joined,
    /// A value past its life that the policy allows.
    Stale,
    /// The function's body, with the cache left out.
    Bypass,
}
