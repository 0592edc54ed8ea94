//! What keeps the tiers from contradicting an invalidation.

pub(crate) mod bus;
pub(crate) mod fence;
pub(crate) mod groups;
pub(crate) mod journal;
pub(crate) mod lease;
pub(crate) mod news;
pub(crate) mod pending;
pub(crate) mod tags;
pub(crate) mod touch;
pub(crate) mod watch;
