//! Named caches: an L1 and defaults of their own, over the same L2.

use std::time::Duration;

use crate::codec::Codec;
use crate::error::{Error, Result};
use crate::l1::{L1, Tier};

use super::behind::WriteMode;

/// The name of the cache that functions use when they name none.
pub(crate) const DEFAULT: &str = "default";

/// A named cache: for values that need room and lives of their own.
///
/// ```
/// use std::time::Duration;
/// use tiercache::Named;
/// let prompts = Named::new().max_entries(1_000).l1_ttl(Duration::from_secs(600)).ttl(Duration::from_secs(3600));
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "give it to `Cache::builder().named(..)`"]
pub struct Named {
    pub(super) l1: Option<L1>,
    pub(super) max_entries: Option<u64>,
    pub(super) max_bytes: Option<u64>,
    pub(super) ttl: Option<Duration>,
    pub(super) l1_ttl: Option<Duration>,
    pub(super) codec: Option<Codec>,
    pub(super) stale_if_error: Option<Duration>,
    pub(super) jitter: Option<f64>,
    pub(super) write_mode: Option<WriteMode>,
}

impl Named {
    /// With the default cache's engine and lives.
    pub fn new() -> Self {
        Self::default()
    }

    /// Its memory tier: engine and bound.
    pub fn l1(mut self, l1: L1) -> Self {
        self.l1 = Some(l1);
        self
    }

    /// Bounds its memory tier by the number of entries.
    pub fn max_entries(mut self, entries: u64) -> Self {
        self.max_entries = Some(entries);
        self
    }

    /// Bounds its memory tier by bytes.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// How long its values live, where the function does not say.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How long its copies in memory live, where the function does not say.
    pub fn l1_ttl(mut self, ttl: Duration) -> Self {
        self.l1_ttl = Some(ttl);
        self
    }

    /// How long past their lives its values are kept for loads that fail, where the function does not say.
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.stale_if_error = Some(window);
        self
    }

    /// The share of their lives by which its values expire earlier at random, where the function does not say.
    pub fn jitter(mut self, share: f64) -> Self {
        self.jitter = Some(share);
        self
    }

    /// The codec of its stored bytes, where the function does not say.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = Some(codec);
        self
    }
}

/// A named cache at work.
#[derive(Debug)]
pub(crate) struct NamedCache {
    pub(crate) name: String,
    pub(crate) l1: Tier,
    pub(crate) ttl: Duration,
    /// Without one, a copy in memory lives as long as the value.
    pub(crate) l1_ttl: Option<Duration>,
    pub(crate) codec: Option<Codec>,
    pub(crate) stale_if_error: Option<Duration>,
    pub(crate) jitter: f64,
    pub(crate) write_mode: WriteMode,
}

impl NamedCache {
    /// Builds `named`; what it leaves out is taken from the engine and lives of the default cache.
    pub(super) fn build(name: &str, named: &Named, fallback: &Fallback<'_>) -> Result<Self> {
        let l1 = named.l1.clone().unwrap_or_else(|| fallback.l1.same_engine());
        let l1 = match (named.max_entries, named.max_bytes) {
            (Some(entries), _) => l1.max_entries(entries),
            (None, Some(bytes)) => l1.max_bytes(bytes),
            (None, None) => l1,
        };
        let at = |error: Error| Error::config(format!("cache `{name}`: {error}"));
        if named.max_entries.is_some() && named.max_bytes.is_some() {
            return Err(at(Error::config("it is bounded by max_entries and by max_bytes: choose one of them")));
        }
        let cache = Self {
            name: name.into(),
            l1: l1.build().map_err(at)?,
            ttl: named.ttl.unwrap_or(fallback.ttl),
            l1_ttl: named.l1_ttl.or(fallback.l1_ttl),
            codec: named.codec.or(fallback.codec),
            stale_if_error: named.stale_if_error.or(fallback.stale_if_error),
            jitter: named.jitter.unwrap_or(fallback.jitter),
            write_mode: named.write_mode.unwrap_or(fallback.write_mode),
        };
        for (setting, life) in [("ttl", Some(cache.ttl)), ("l1_ttl", cache.l1_ttl)] {
            if life.is_some_and(|life| life.is_zero()) {
                return Err(at(Error::config(format!("a {setting} of 0 keeps nothing: give it a life"))));
            }
        }
        if !(0.0..1.0).contains(&cache.jitter) {
            return Err(at(Error::config("jitter is a share of a life: give it at least 0 and less than 1")));
        }
        Ok(cache)
    }
}

/// What a named cache takes over from the default one.
pub(super) struct Fallback<'a> {
    pub(super) l1: &'a L1,
    pub(super) ttl: Duration,
    pub(super) l1_ttl: Option<Duration>,
    pub(super) codec: Option<Codec>,
    pub(super) stale_if_error: Option<Duration>,
    pub(super) jitter: f64,
    pub(super) write_mode: WriteMode,
}
