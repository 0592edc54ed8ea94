//! How long values live, and what else an attribute or a caller says about them.

use std::time::Duration;

use crate::codec::Codec;

use super::named::NamedCache;

/// What `#[cached]` and the direct API say about a value. What is left out is the (named) cache's default.
///
/// ```
/// use std::time::Duration;
/// use tiercache::Policy;
/// const USERS: Policy = Policy::new().ttl(Duration::from_secs(300)).l1_ttl(Duration::from_secs(30)).version(2);
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct Policy {
    ttl: Option<Duration>,
    l1_ttl: Option<Duration>,
    none_ttl: Option<Duration>,
    version: u32,
    cache: Option<&'static str>,
    codec: Option<Codec>,
}

impl Policy {
    /// The defaults of the default cache.
    pub const fn new() -> Self {
        Self { ttl: None, l1_ttl: None, none_ttl: None, version: 0, cache: None, codec: None }
    }

    /// How long a value lives.
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How long the copy in memory lives, at most. Never more than what is left in L2.
    pub const fn l1_ttl(mut self, ttl: Duration) -> Self {
        self.l1_ttl = Some(ttl);
        self
    }

    /// Also keeps `None`, for this long.
    pub const fn none_ttl(mut self, ttl: Duration) -> Self {
        self.none_ttl = Some(ttl);
        self
    }

    /// The version of the value's meaning: what other versions stored is a miss.
    pub const fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// The named cache that keeps the value.
    pub const fn cache(mut self, name: &'static str) -> Self {
        self.cache = Some(name);
        self
    }

    /// The codec of the stored bytes.
    pub const fn codec(mut self, codec: Codec) -> Self {
        self.codec = Some(codec);
        self
    }

    /// The named cache asked for.
    pub(crate) fn cache_name(&self) -> Option<&'static str> {
        self.cache
    }

    /// This policy with the defaults of `named` filled in.
    pub(crate) fn terms(&self, named: &NamedCache) -> Terms {
        let ttl = self.ttl.unwrap_or(named.ttl);
        Terms {
            ttl,
            l1_ttl: self.l1_ttl.or(named.l1_ttl).map_or(ttl, |l1_ttl| l1_ttl.min(ttl)),
            none_ttl: self.none_ttl,
            version: self.version,
            codec: self.codec.or(named.codec),
        }
    }
}

/// A policy with every default filled in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) ttl: Duration,
    pub(crate) l1_ttl: Duration,
    pub(crate) none_ttl: Option<Duration>,
    pub(crate) version: u32,
    pub(crate) codec: Option<Codec>,
}

impl Terms {
    /// How long what a load gives is kept at most.
    pub(crate) fn longest(&self) -> Duration {
        self.none_ttl.map_or(self.ttl, |none_ttl| none_ttl.max(self.ttl))
    }

    /// How long a value, or its absence, is kept; `None` if it is not.
    pub(crate) fn life(&self, present: bool) -> Option<Duration> {
        if present { Some(self.ttl) } else { self.none_ttl }
    }
}
