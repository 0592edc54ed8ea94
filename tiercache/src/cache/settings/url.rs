//! L2 from a URL.

use std::time::Duration;

use crate::error::{Error, Result};

use super::super::builder::L2;

/// What is set beside the URL.
#[derive(Debug, Default)]
pub(super) struct Options {
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "only Redis is connected to"))]
    pub(super) connect_timeout: Option<Duration>,
    #[cfg_attr(not(feature = "embedded"), allow(dead_code, reason = "only an embedded store has a size"))]
    pub(super) max_bytes: Option<u64>,
}

/// The L2 at `url`.
pub(super) fn open(url: &str, options: &Options) -> Result<L2> {
    match url.split_once("://") {
        Some(("redis" | "rediss", _)) => redis(url, options),
        Some(("embedded", path)) => embedded(path, options),
        // Without a scheme at its place, what stands there may be a password.
        Some((scheme, _)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+') => {
            Err(Error::config(format!(
                "setting `l2_url` has the scheme `{scheme}`: use redis://host, rediss://host or embedded:///path"
            )))
        }
        _ => Err(Error::config("setting `l2_url` has no scheme: use redis://host, rediss://host or embedded:///path")),
    }
}

#[cfg(feature = "redis")]
fn redis(url: &str, options: &Options) -> Result<L2> {
    let redis = crate::store::redis::Redis::new(url)?;
    Ok(match options.connect_timeout {
        Some(timeout) => redis.connect_timeout(timeout),
        None => redis,
    }
    .into())
}

#[cfg(not(feature = "redis"))]
fn redis(_url: &str, _options: &Options) -> Result<L2> {
    Err(Error::config("setting `l2_url` is of Redis, which is not compiled in: enable the feature `redis`"))
}

#[cfg(feature = "embedded")]
fn embedded(path: &str, options: &Options) -> Result<L2> {
    let embedded = crate::store::embedded::Embedded::open(path)?;
    Ok(match options.max_bytes {
        Some(bytes) => embedded.max_bytes(bytes),
        None => embedded,
    }
    .into())
}

#[cfg(not(feature = "embedded"))]
fn embedded(_path: &str, _options: &Options) -> Result<L2> {
    Err(Error::config(
        "setting `l2_url` is of an embedded store, which is not compiled in: enable the feature `embedded`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_cannot_be_used_is_not_shown() {
        for url in [
            "redis:user:s3cret@host",
            "user:s3cret@host:6379",
            "user:s3cret@redis://host",
            "redis://user:s3cret@host:port",
        ] {
            let error = open(url, &Options::default()).unwrap_err();
            let chain = format!("{error} {error:?}");
            assert!(!chain.contains("s3cret") && chain.contains("redis://"), "{chain}");
        }
    }
}
