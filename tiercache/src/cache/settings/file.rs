//! Settings from a TOML file.

use std::path::Path;

use toml::{Table, Value};

use crate::error::{Error, ErrorKind, Result};

use super::super::Cache;
use super::super::builder::CacheBuilder;
use super::{Values, environment, names};

/// The table of named caches.
const CACHES: &str = "caches";

impl Cache {
    /// Builds a cache from a TOML file with the names of [`Cache::from_env`] in lower case, and named caches as tables. The
    /// environment goes before the file.
    ///
    /// ```toml
    /// namespace = "shop"
    /// l2_url = "redis://127.0.0.1:6379"
    /// default_ttl = "5m"
    ///
    /// [caches.prompt]
    /// max_entries = 1000
    /// l1_ttl = "10m"
    /// ttl = "1h"
    /// ```
    ///
    /// # Errors
    ///
    /// `ErrorKind::Io` if it cannot be read; else as [`Cache::from_env`].
    pub async fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        CacheBuilder::from_file(path)?.build().await
    }
}

impl CacheBuilder {
    /// A builder with what a TOML file and the environment set: see [`Cache::from_file`].
    ///
    /// # Errors
    ///
    /// As [`Cache::from_file`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::new(ErrorKind::Io, format!("the settings in {} cannot be read: {error}", path.display()))
                .with_source(error)
        })?;
        let at = |error: Error| Error::config(format!("{}: {error}", path.display()));
        from_text(&text, environment()?).map_err(at)
    }
}

/// A builder with what a file of this text and the environment set.
pub(crate) fn from_text(text: &str, environment: Values) -> Result<CacheBuilder> {
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| {
        Error::config(format!("this is not TOML: {}", error.message())).with_source(error)
    })?;
    let caches = match table.remove(CACHES) {
        None => Table::new(),
        Some(Value::Table(caches)) => caches,
        Some(_) => return Err(Error::config("`caches` holds tables: write [caches.name]")),
    };
    let mut values = flat(table)?;
    values.extend(environment);
    let mut builder = names::builder(&values)?;
    for (name, cache) in caches {
        let Value::Table(cache) = cache else {
            return Err(Error::config(format!("`caches.{name}` is a table: write [caches.{name}]")));
        };
        let named = names::named(&name, &flat(cache)?)?;
        builder = builder.named(name, named);
    }
    Ok(builder)
}

/// A table's values as text.
fn flat(table: Table) -> Result<Values> {
    let text = |(name, value): (String, Value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Integer(number) => Ok((name, number.to_string())),
        Value::Float(number) => Ok((name, number.to_string())),
        _ => Err(Error::config(format!("setting `{name}` takes a string or a number"))),
    };
    table.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_goes_before_the_file() {
        let environment = Values::from([("namespace".to_owned(), "from-env".to_owned())]);
        let builder = from_text("namespace = 'from-file'\ndefault_ttl = 60", environment).unwrap();
        assert_eq!(builder.namespace.as_deref(), Some("from-env"));
        assert_eq!(builder.default_ttl.map(|ttl| ttl.as_secs()), Some(60));
    }

    #[test]
    fn named_caches_are_tables() {
        let builder = from_text("[caches.prompt]\nmax_entries = 1000\nttl = '1h'", Values::new()).unwrap();
        assert_eq!(builder.named.len(), 1);
        assert_eq!(builder.named[0].1.ttl.map(|ttl| ttl.as_secs()), Some(3_600));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, says) in [
            ("namespace = ", "not TOML"),
            ("caches = 1", "[caches.name]"),
            ("[caches]\nprompt = 1", "[caches.prompt]"),
            ("[caches.prompt]\nsize = 1", "in [caches.prompt]"),
            ("namespace = true", "`namespace`"),
        ] {
            let error = from_text(text, Values::new()).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
