//! How long values live, and what else an attribute or a caller says about them.

use std::fmt::Display;
use std::time::Duration;

use crate::codec::Codec;
use crate::coherence::tags::Tags;

use super::behind::WriteMode;
use super::life::{Ahead, Life, shortened};
use super::named::NamedCache;

/// What `#[cached]` and the direct API say about a value. What is left out is the (named) cache's default.
///
/// ```
/// use std::time::Duration;
/// use tiercache::Policy;
/// const USERS: Policy = Policy::new().ttl(Duration::from_secs(300)).l1_ttl(Duration::from_secs(30)).version(2);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Policy {
    ttl: Option<Duration>,
    l1_ttl: Option<Duration>,
    none_ttl: Option<Duration>,
    version: u32,
    cache: Option<&'static str>,
    codec: Option<Codec>,
    stale_if_error: Option<Duration>,
    stale_while_revalidate: Option<Duration>,
    refresh_ahead: Option<Ahead>,
    timeout: Option<Duration>,
    soft_timeout: Option<Duration>,
    jitter: Option<f64>,
    pub(super) write_mode: Option<WriteMode>,
    detach: bool,
    pub(super) tags: Tags,
}

impl Policy {
    /// The defaults of the default cache.
    pub const fn new() -> Self {
        Self {
            ttl: None,
            l1_ttl: None,
            none_ttl: None,
            version: 0,
            cache: None,
            codec: None,
            stale_if_error: None,
            stale_while_revalidate: None,
            refresh_ahead: None,
            timeout: None,
            soft_timeout: None,
            jitter: None,
            write_mode: None,
            detach: false,
            tags: Tags::NONE,
        }
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

    /// Keeps a value for this long past its life, to be given when a load fails or takes too long. Not an absence, and not what
    /// was invalidated.
    pub const fn stale_if_error(mut self, window: Duration) -> Self {
        self.stale_if_error = Some(window);
        self
    }

    /// For this long past its life a value is given at once, and refreshed behind. Loads that cannot outlive their caller ignore it:
    /// see [`Cache::get_or_load_owned`](crate::Cache::get_or_load_owned).
    pub const fn stale_while_revalidate(mut self, window: Duration) -> Self {
        self.stale_while_revalidate = Some(window);
        self
    }

    /// A value that is asked for after this share of its life is refreshed behind, before it expires. A share that is not between 0
    /// and 1 is none. Ignored as [`Policy::stale_while_revalidate`].
    pub const fn refresh_ahead(mut self, share: f64) -> Self {
        self.refresh_ahead = if share > 0.0 && share < 1.0 { Some(Ahead::Share(share)) } else { None };
        self
    }

    /// A value is refreshed behind before it expires, the more likely the nearer that is, and the earlier the longer its load takes:
    /// `XFetch` (Vattani, Chierichetti, Lowenstein, *Optimal Probabilistic Cache Stampede Prevention*, VLDB 2015). Ignored as
    /// [`Policy::stale_while_revalidate`].
    pub const fn refresh_ahead_auto(mut self) -> Self {
        self.refresh_ahead = Some(Ahead::Auto);
        self
    }

    /// How long a load may take before it is dropped. Ignored by loads that have no error for that.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long a load may take before the caller is given a stale value, if there is one; the load goes on. Ignored as
    /// [`Policy::stale_while_revalidate`].
    pub const fn soft_timeout(mut self, timeout: Duration) -> Self {
        self.soft_timeout = Some(timeout);
        self
    }

    /// The share of its life in L2 by which a value may expire earlier, at random, so that values made together do not expire
    /// together. Never later.
    pub const fn jitter(mut self, share: f64) -> Self {
        self.jitter = Some(share.clamp(0.0, 1.0));
        self
    }

    /// The load goes on when its caller goes away. Ignored as [`Policy::stale_while_revalidate`].
    pub const fn detach(mut self) -> Self {
        self.detach = true;
        self
    }

    /// Adds tags to what is stored under this policy: [`Cache::invalidate_tags`](crate::Cache::invalidate_tags) of any of them makes it
    /// invalid, in both tiers and on every instance. A tag is what it displays.
    ///
    /// Tags are the stored value's. Whoever reads it by its key need not know them: it is judged by those that are in it, in L2 with a second
    /// round trip. A value in L2 that lacks one of the policy's own is a miss.
    ///
    /// At most 64 to a value: under more, `set` gives `ErrorKind::TooLarge`, and loads run uncached, which `health()` says.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> tiercache::Result<()> {
    /// # use std::time::Duration;
    /// # use tiercache::{Cache, Key, Policy};
    /// # let cache = Cache::builder().build().await?;
    /// const POSTS: Policy = Policy::new().ttl(Duration::from_secs(300));
    /// let (author, key) = (42, Key::new("post", &7)?);
    /// let tagged = POSTS.tags(["posts", &format!("user:{author}")]);
    /// cache.set(&key, &"Hello".to_owned(), &tagged).await?;
    /// cache.invalidate_tags(["user:42"]).await?;
    /// assert_eq!(cache.get::<String>(&key).await, None);
    /// # Ok(()) }
    /// ```
    pub fn tags(mut self, tags: impl IntoIterator<Item = impl Display>) -> Self {
        tags.into_iter().for_each(|tag| self.tags.add(&tag));
        self
    }

    /// How long a load may take, if anything is said.
    pub(crate) fn body_timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// The named cache asked for.
    pub(crate) fn cache_name(&self) -> Option<&'static str> {
        self.cache
    }

    /// This policy with the defaults of `named` filled in.
    pub(crate) fn terms(&self, named: &NamedCache) -> Terms {
        Terms {
            ttl: self.ttl.unwrap_or(named.ttl),
            l1_ttl: self.l1_ttl.or(named.l1_ttl),
            none_ttl: self.none_ttl,
            version: self.version,
            codec: self.codec.or(named.codec),
            stale_if_error: self.stale_if_error.or(named.stale_if_error),
            stale_while_revalidate: self.stale_while_revalidate,
            refresh_ahead: self.refresh_ahead,
            timeout: self.timeout,
            soft_timeout: self.soft_timeout,
            jitter: self.jitter.unwrap_or(named.jitter),
            write_mode: self.write_mode.unwrap_or(named.write_mode),
            detach: self.detach,
        }
    }

    /// `terms`, where this policy of a function says something about its calls at an address that has them.
    pub(crate) fn over(&self, terms: Terms) -> Terms {
        Terms {
            stale_if_error: self.stale_if_error.or(terms.stale_if_error),
            stale_while_revalidate: self.stale_while_revalidate.or(terms.stale_while_revalidate),
            refresh_ahead: self.refresh_ahead.or(terms.refresh_ahead),
            timeout: self.timeout.or(terms.timeout),
            soft_timeout: self.soft_timeout.or(terms.soft_timeout),
            detach: self.detach || terms.detach,
            ..terms
        }
    }
}

/// A policy with every default filled in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) ttl: Duration,
    /// Without one, the copy in memory lives as long as the value.
    pub(crate) l1_ttl: Option<Duration>,
    pub(crate) none_ttl: Option<Duration>,
    pub(crate) version: u32,
    pub(crate) codec: Option<Codec>,
    pub(crate) stale_if_error: Option<Duration>,
    pub(crate) stale_while_revalidate: Option<Duration>,
    pub(crate) refresh_ahead: Option<Ahead>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) soft_timeout: Option<Duration>,
    pub(crate) jitter: f64,
    pub(crate) write_mode: WriteMode,
    pub(crate) detach: bool,
}

impl Terms {
    /// How long what a load gives is kept at most.
    pub(crate) fn longest(&self) -> Duration {
        let hard = self.ttl.saturating_add(self.stale_window());
        self.none_ttl.map_or(hard, |none_ttl| none_ttl.max(hard))
    }

    /// How long a value is kept past its life.
    fn stale_window(&self) -> Duration {
        self.stale_if_error.max(self.stale_while_revalidate).unwrap_or_default()
    }

    /// The life in L2 of a value that is fresh for `soft`. An absence is not kept past its own.
    pub(crate) fn l2_life(&self, soft: Duration, present: bool) -> Life {
        let soft = shortened(soft, self.jitter);
        Life { soft, hard: if present { soft.saturating_add(self.stale_window()) } else { soft } }
    }

    /// The same where there is no L2: as long as was said.
    pub(crate) fn lone_life(&self, soft: Duration, present: bool) -> Life {
        Terms { jitter: 0.0, ..*self }.l2_life(self.l1_life(soft), present)
    }

    /// How long the copy in memory of a value that lives for `life` is served.
    pub(crate) fn l1_life(&self, life: Duration) -> Duration {
        self.l1_ttl.map_or(life, |l1_ttl| l1_ttl.min(life))
    }

    /// How long a value, or its absence, is kept; `None` if it is not.
    pub(crate) fn life(&self, present: bool) -> Option<Duration> {
        if present { Some(self.ttl) } else { self.none_ttl }
    }
}
