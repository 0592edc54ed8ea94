//! L2 in Redis, over one multiplexed connection.

mod connection;
mod errors;
mod many;
mod news;
mod scripts;
mod store;
#[cfg(test)]
mod tests;
#[cfg(feature = "tls-rustls")]
mod tls;

use std::fmt;
use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionInfo, IntoConnectionInfo};

use crate::error::{Error, Result};

pub(crate) use store::RedisStore;

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
    client: Client,
    connect_timeout: Duration,
}

/// Connect, TLS, AUTH and HELLO together.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

impl Redis {
    /// The server at `url`: `redis://[user[:password]@]host[:port][/database][?protocol=resp3]`, or `rediss://…` for TLS (feature
    /// `tls-rustls`).
    ///
    /// # Errors
    ///
    /// `ErrorKind::Config` if the URL cannot be read, or asks for a feature that is off. The text never shows the password.
    pub fn new(url: impl AsRef<str>) -> Result<Self> {
        let info = url.as_ref().into_connection_info().map_err(bad_url)?;
        #[cfg(feature = "tls-rustls")]
        tls::prepare(info.addr());
        let tcp = TcpSettings::default().set_nodelay(true);
        let client = Client::open(info.set_tcp_settings(tcp)).map_err(bad_url)?;
        Ok(Self { client, connect_timeout: DEFAULT_CONNECT_TIMEOUT })
    }

    /// How long connecting, TLS and logging in may take together (1 s if nothing is said).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// # Errors
    ///
    /// `ErrorKind::Config` if it could never connect.
    pub(crate) fn into_store(self) -> Result<RedisStore> {
        if self.connect_timeout.is_zero() {
            return Err(Error::config("a connect_timeout of 0 leaves no time to connect to Redis: give it some"));
        }
        RedisStore::new(&self)
    }

    fn info(&self) -> &ConnectionInfo {
        self.client.get_connection_info()
    }
}

fn bad_url(error: redis::RedisError) -> Error {
    let tls = if cfg!(feature = "tls-rustls") { "" } else { " (`rediss://` needs the feature `tls-rustls`)" };
    let text = format!(
        "the URL of Redis cannot be used: {}: write redis://[user:password@]host[:port][/database]{tls}",
        error.category()
    );
    Error::config(text).with_source(error)
}

/// Without user and password.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("address", &self.info().addr().to_string())
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}
