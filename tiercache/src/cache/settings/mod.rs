//! Settings by name, from the environment and from a file.

#[cfg(feature = "config-file")]
pub(crate) mod file;
mod names;
mod url;

use std::collections::BTreeMap;

use crate::error::{Error, Result};

use super::Cache;
use super::builder::CacheBuilder;

/// What the environment's names begin with.
const ENVIRONMENT: &str = "TIERCACHE_";

/// Values by the names of one table.
pub(crate) type Values = BTreeMap<String, String>;

impl Cache {
    /// Builds a cache from the environment: `TIERCACHE_NAMESPACE`, `TIERCACHE_L2_URL`, and so on, one name for each setting of the
    /// builder. What is not set has its default.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Config` for an unknown `TIERCACHE_…` name, listing the known ones, and for a bad value, saying what is allowed.
    pub async fn from_env() -> Result<Self> {
        CacheBuilder::from_env()?.build().await
    }
}

impl CacheBuilder {
    /// A builder with what the environment sets: see [`Cache::from_env`].
    ///
    /// # Errors
    ///
    /// As [`Cache::from_env`].
    pub fn from_env() -> Result<Self> {
        names::builder(&environment()?)
    }
}

/// What the environment sets, by the file's names.
fn environment() -> Result<Values> {
    let mut values = Values::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().and_then(|name| name.strip_prefix(ENVIRONMENT)) else { continue };
        let value = value.into_string().map_err(|_| Error::config(format!("{ENVIRONMENT}{name} is not UTF-8")))?;
        values.insert(name.to_ascii_lowercase(), value);
    }
    Ok(values)
}
