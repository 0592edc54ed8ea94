//! L2 in Redis, over one multiplexed connection; in a cluster, over one to each primary.

#[cfg(feature = "cluster")]
mod cluster;
mod connection;
mod errors;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod many;
mod mismatch;
mod news;
mod scripts;
#[cfg(feature = "sentinel")]
mod sentinel;
mod server;
mod store;
mod target;
#[cfg(test)]
mod tests;
#[cfg(feature = "tls-rustls")]
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::store::Store;

use server::Server;
use store::RedisStore;
use target::Target;

/// L2 in Redis (7.0 is tested, 6.2 has all it uses): where it is, and how to reach it.
///
/// Nothing is connected yet, and a server that is down is no error: the connection is opened when it is first needed, and again
/// after it was lost.
///
/// ```
/// # fn main() -> tiercache::Result<()> {
/// let redis = tiercache::Redis::new("redis://cache:secret@127.0.0.1:6379/1")?;
/// # let _ = redis; Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "give it to `Cache::builder().l2(..)`"]
pub struct Redis {
    target: Target,
    connect_timeout: Duration,
    #[cfg(feature = "tls-rustls")]
    certificates: tls::Certificates,
}

/// Connect, TLS, AUTH and HELLO together.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

impl Redis {
    /// Redis at `url`:
    ///
    /// | | |
    /// |---|---|
    /// | a server | `redis://[user[:password]@]host[:port][/database][?protocol=resp3]` |
    /// | a cluster (feature `cluster`) | `redis+cluster://[user[:password]@]host[:port],host[:port]`: some of its nodes |
    /// | what sentinels watch (feature `sentinel`) | `redis+sentinel://[user[:password]@]host[:port],host[:port]/name[/database]` |
    ///
    /// `rediss` in the place of `redis` is TLS (feature `tls-rustls`). See [the guide](crate::guide::redis).
    ///
    /// # Errors
    ///
    /// `ErrorKind::Config` if the URL cannot be read, or asks for a feature that is off. The text never shows the password.
    pub fn new(url: impl AsRef<str>) -> Result<Self> {
        Ok(Self {
            target: Target::parse(url.as_ref())?,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            #[cfg(feature = "tls-rustls")]
            certificates: tls::Certificates::default(),
        })
    }

    /// How long connecting, TLS and logging in may take together (1 s if nothing is said).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// # Errors
    ///
    /// `ErrorKind::Config` if it could never connect.
    pub(crate) fn into_store(self) -> Result<Arc<dyn Store>> {
        if self.connect_timeout.is_zero() {
            return Err(Error::config("a connect_timeout of 0 leaves no time to connect to Redis: give it some"));
        }
        let name = self.target.to_string();
        let server = match self.target {
            Target::Server(info) => Server::at(info)?,
            #[cfg(feature = "sentinel")]
            Target::Sentinel(group) => Server::Primary(Arc::new(sentinel::Sentinels::new(group, self.connect_timeout))),
            #[cfg(feature = "cluster")]
            Target::Cluster(seeds) => {
                return Ok(Arc::new(cluster::ClusterStore::new(seeds, self.connect_timeout, name)?));
            }
        };
        Ok(Arc::new(RedisStore::new(server, self.connect_timeout, name)?))
    }
}

/// Without the client's error: that shows parts of the URL, and where a `?` or `/` in a login was not encoded, these hold the password.
#[expect(clippy::needless_pass_by_value, reason = "it goes into `map_err`")]
fn bad_url(error: redis::RedisError) -> Error {
    let tls = if cfg!(feature = "tls-rustls") { "" } else { " (`rediss://` needs the feature `tls-rustls`)" };
    let text = format!(
        "the URL of Redis cannot be used: {}: write redis://[user:password@]host[:port][/database]{tls}",
        error.category()
    );
    Error::config(text)
}

/// Without user and password.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("address", &self.target.to_string())
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}
