//! L2 from a URL.

use std::time::Duration;

use crate::error::{Error, Result};

use super::super::builder::L2;
use super::Values;
#[cfg(feature = "redis")]
use crate::store::redis::Redis;

/// What a URL may be.
pub(super) const FORMS: &str =
    "redis://host, rediss://host, redis+cluster://host,host, redis+sentinel://host,host/name or embedded:///path";

/// What is set beside the URL.
pub(super) struct Options<'a> {
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "only Redis is connected to"))]
    pub(super) connect_timeout: Option<Duration>,
    #[cfg_attr(not(feature = "embedded"), allow(dead_code, reason = "only an embedded store has a size"))]
    pub(super) max_bytes: Option<u64>,
    /// All settings.
    pub(super) values: &'a Values,
}

/// The L2 at `url`.
pub(super) fn open(url: &str, options: &Options<'_>) -> Result<L2> {
    match url.split_once("://") {
        Some(("redis" | "rediss" | "redis+cluster" | "rediss+cluster" | "redis+sentinel" | "rediss+sentinel", _)) => {
            redis(url, options)
        }
        Some(("embedded", path)) => embedded(path, options),
        // Without a scheme at its place, what stands there may be a password.
        Some((scheme, _)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+') => {
            Err(Error::config(format!("setting `l2_url` has the scheme `{scheme}`: use {FORMS}")))
        }
        _ => Err(Error::config(format!("setting `l2_url` has no scheme: use {FORMS}"))),
    }
}

#[cfg(feature = "redis")]
fn redis(url: &str, options: &Options<'_>) -> Result<L2> {
    let redis = Redis::new(url)?;
    let redis = certified(logged_in(redis, options.values)?, options.values)?;
    Ok(match options.connect_timeout {
        Some(timeout) => redis.connect_timeout(timeout),
        None => redis,
    }
    .into())
}

#[cfg(not(feature = "redis"))]
fn redis(_url: &str, _options: &Options<'_>) -> Result<L2> {
    Err(Error::config("setting `l2_url` is of Redis, which is not compiled in: enable the feature `redis`"))
}

#[cfg(feature = "sentinel")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it fails")]
fn logged_in(redis: Redis, values: &Values) -> Result<Redis> {
    let user = values.get("l2_sentinel_user").map_or("", String::as_str);
    Ok(match values.get("l2_sentinel_password") {
        Some(password) => redis.sentinel_login(user, password),
        None => redis,
    })
}

#[cfg(all(feature = "redis", not(feature = "sentinel")))]
fn logged_in(redis: Redis, values: &Values) -> Result<Redis> {
    without(redis, values, &["l2_sentinel_user", "l2_sentinel_password"], "sentinel")
}

#[cfg(feature = "tls-rustls")]
fn certified(redis: Redis, values: &Values) -> Result<Redis> {
    let file = |name: &str| values.get(name).map(|path| pem(name, path)).transpose();
    let redis = match file("l2_root_certificate")? {
        Some(root) => redis.root_certificate(root)?,
        None => redis,
    };
    match (file("l2_client_certificate")?, file("l2_client_key")?) {
        (Some(certificate), Some(key)) => redis.client_certificate(certificate, key),
        (None, None) => Ok(redis),
        _ => Err(Error::config("settings `l2_client_certificate` and `l2_client_key` go together: set both")),
    }
}

#[cfg(feature = "tls-rustls")]
fn pem(name: &str, path: &str) -> Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|error| Error::config(format!("setting `{name}` is `{path}`, which cannot be read: {error}")))
}

#[cfg(all(feature = "redis", not(feature = "tls-rustls")))]
fn certified(redis: Redis, values: &Values) -> Result<Redis> {
    without(redis, values, &["l2_root_certificate", "l2_client_certificate", "l2_client_key"], "tls-rustls")
}

/// Refuses settings of a feature that is off.
#[cfg(all(feature = "redis", not(all(feature = "sentinel", feature = "tls-rustls"))))]
fn without(redis: Redis, values: &Values, names: &[&str], feature: &str) -> Result<Redis> {
    match names.iter().find(|name| values.contains_key(**name)) {
        Some(name) => Err(Error::config(format!("setting `{name}` needs the feature `{feature}` of tiercache"))),
        None => Ok(redis),
    }
}

#[cfg(feature = "embedded")]
fn embedded(path: &str, options: &Options<'_>) -> Result<L2> {
    let embedded = crate::store::embedded::Embedded::open(path)?;
    Ok(match options.max_bytes {
        Some(bytes) => embedded.max_bytes(bytes),
        None => embedded,
    }
    .into())
}

#[cfg(not(feature = "embedded"))]
fn embedded(_path: &str, _options: &Options<'_>) -> Result<L2> {
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
            "redis://user?protocol=pass:s3cret@host",
            "redis+cluster://user:s3cret@host:port",
            "redis+sentinel://user:s3cret@host",
        ] {
            let values = Values::new();
            let options = Options { connect_timeout: None, max_bytes: None, values: &values };
            let error = open(url, &options).unwrap_err();
            let chain = format!("{error} {error:?}");
            assert!(!chain.contains("s3cret") && chain.contains("://"), "{chain}");
        }
    }

    #[cfg(feature = "tls-rustls")]
    #[test]
    fn a_client_certificate_goes_with_its_key() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for (name, path, says) in
            [("l2_client_key", file, "go together"), ("l2_root_certificate", "nowhere.pem", "cannot be read")]
        {
            let values = Values::from([(name.to_owned(), path.to_owned())]);
            let options = Options { connect_timeout: None, max_bytes: None, values: &values };
            let error = open("rediss://host", &options).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
