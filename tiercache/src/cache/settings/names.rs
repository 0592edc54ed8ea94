//! The table of names: what each takes, and what it does to a builder.

use std::str::FromStr;
use std::time::Duration;

use crate::codec::Codec;
use crate::error::{Error, Result};
use crate::l1::L1;

use super::super::behind::Writes;
use super::super::builder::CacheBuilder;
use super::super::limits::Limits;
#[cfg(feature = "config-file")]
use super::super::named::Named;
use super::{Values, url};

/// A name, and what it takes.
type Name = (&'static str, &'static str);

const LIFE: &str = "a time such as 300 (seconds), 250ms, 5m or 1h30m";
const BYTES: &str = "a number of bytes";
const TIMES: &str = "a whole number";
const SHARE: &str = "a share of a life such as 0.05, or 0 for none";
const ENTRIES: &str = "a number of entries";
const WRITE_MODES: &str = "through or behind";
const PEM: &str = "the path of a PEM file";

/// The settings of the cache.
const CACHE: [Name; 31] = [
    ("namespace", "one segment of a key: letters, digits, `_`, `-` and `.`"),
    ("l1_engine", "mini-moka, quick-cache or disabled"),
    ("l1_max_entries", ENTRIES),
    ("l1_max_bytes", BYTES),
    ("l1_ttl", LIFE),
    ("l2_url", url::FORMS),
    ("l2_root_certificate", PEM),
    ("l2_client_certificate", PEM),
    ("l2_client_key", PEM),
    ("l2_sentinel_user", "a name"),
    ("l2_sentinel_password", "a password"),
    ("l2_deadline", LIFE),
    ("l2_connect_timeout", LIFE),
    ("l2_retries", TIMES),
    ("l2_breaker_failures", TIMES),
    ("l2_breaker_max", LIFE),
    ("max_loads", TIMES),
    ("l2_max_bytes", BYTES),
    ("default_ttl", LIFE),
    ("codec", "bincode, postcard or json"),
    ("stale_if_error", LIFE),
    ("jitter", SHARE),
    ("wait_limit", LIFE),
    ("max_value_bytes", BYTES),
    ("max_staleness", LIFE),
    ("degraded_l1_ttl", LIFE),
    ("freshness", "strict, bounded or available"),
    ("keep_hot_keys", "a number of keys"),
    ("write_mode", WRITE_MODES),
    ("write_queue", ENTRIES),
    ("reclaim", "a number of keys per second"),
];

/// The settings of a named cache.
#[cfg(feature = "config-file")]
const NAMED: [Name; 9] = [
    ("engine", "mini-moka, quick-cache or disabled"),
    ("max_entries", ENTRIES),
    ("max_bytes", BYTES),
    ("ttl", LIFE),
    ("l1_ttl", LIFE),
    ("codec", "bincode, postcard or json"),
    ("stale_if_error", LIFE),
    ("jitter", SHARE),
    ("write_mode", WRITE_MODES),
];

/// The builder that `values` describe.
pub(super) fn builder(values: &Values) -> Result<CacheBuilder> {
    let read = Read { values, names: &CACHE };
    read.refuse_unknown("")?;
    let builder = CacheBuilder {
        namespace: values.get("namespace").cloned(),
        l1: read.l1(["l1_engine", "l1_max_entries", "l1_max_bytes"])?.unwrap_or_default(),
        default_ttl: read.life("default_ttl")?,
        l1_ttl: read.life("l1_ttl")?,
        codec: read.parsed::<Codec>("codec")?,
        stale_if_error: read.life("stale_if_error")?,
        jitter: read.parsed("jitter")?,
        l2_deadline: read.life("l2_deadline")?,
        wait_limit: read.life("wait_limit")?,
        max_value_bytes: read.parsed("max_value_bytes")?,
        max_staleness: read.life("max_staleness")?,
        degraded_l1_ttl: read.life("degraded_l1_ttl")?,
        freshness: read.parsed("freshness")?.unwrap_or_default(),
        keep_hot_keys: read.parsed("keep_hot_keys")?,
        writes: Writes { mode: read.parsed("write_mode")?, queue: read.parsed("write_queue")? },
        reclaim: read.parsed("reclaim")?,
        limits: Limits {
            retries: read.parsed("l2_retries")?,
            breaker_failures: read.parsed("l2_breaker_failures")?,
            breaker_max: read.life("l2_breaker_max")?,
            max_loads: read.parsed("max_loads")?,
        },
        ..CacheBuilder::default()
    };
    let l2 = url::Options {
        connect_timeout: read.life("l2_connect_timeout")?,
        max_bytes: read.parsed("l2_max_bytes")?,
        values,
    };
    Ok(match values.get("l2_url") {
        Some(url) => builder.l2(url::open(url, &l2)?),
        None => builder,
    })
}

/// The named cache that `values` describe.
#[cfg(feature = "config-file")]
pub(super) fn named(name: &str, values: &Values) -> Result<Named> {
    let read = Read { values, names: &NAMED };
    read.refuse_unknown(&format!(" in [caches.{name}]"))?;
    Ok(Named {
        l1: read.l1(["engine", "max_entries", "max_bytes"])?,
        ttl: read.life("ttl")?,
        l1_ttl: read.life("l1_ttl")?,
        codec: read.parsed::<Codec>("codec")?,
        stale_if_error: read.life("stale_if_error")?,
        jitter: read.parsed("jitter")?,
        write_mode: read.parsed("write_mode")?,
        ..Named::default()
    })
}

/// Values read by a table of names.
struct Read<'a> {
    values: &'a Values,
    names: &'a [Name],
}

impl Read<'_> {
    fn refuse_unknown(&self, place: &str) -> Result<()> {
        let unknown = self.values.keys().find(|name| !self.names.iter().any(|(known, _)| known == name));
        unknown.map_or(Ok(()), |unknown| {
            let known: Vec<_> = self.names.iter().map(|(known, _)| *known).collect();
            let known = known.join(", ");
            Err(Error::config(format!(
                "unknown setting `{unknown}`{place}: there are {known} (in the environment: TIERCACHE_ and the name in capitals)"
            )))
        })
    }

    fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>> {
        self.read(name, |value| value.parse().ok())
    }

    fn life(&self, name: &str) -> Result<Option<Duration>> {
        self.read(name, parse_life)
    }

    fn read<T>(&self, name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>> {
        let Some(value) = self.values.get(name) else { return Ok(None) };
        parse(value.trim()).map(Some).ok_or_else(|| {
            let takes = self.names.iter().find(|(known, _)| *known == name).map_or("", |(_, takes)| takes);
            Error::config(format!("setting `{name}` is `{value}`, and takes {takes}"))
        })
    }

    /// An L1, if any of its three settings is there.
    fn l1(&self, [engine, entries, bytes]: [&str; 3]) -> Result<Option<L1>> {
        let engine = self.read(engine, |name| L1::named(name).ok())?;
        let (entries, bytes) = (self.parsed(entries)?, self.parsed(bytes)?);
        if engine.is_none() && entries.is_none() && bytes.is_none() {
            return Ok(None);
        }
        let l1 = engine.unwrap_or_default();
        let l1 = entries.map_or_else(|| l1.clone(), |entries| l1.clone().max_entries(entries));
        Ok(Some(bytes.map_or_else(|| l1.clone(), |bytes| l1.clone().max_bytes(bytes))))
    }
}

/// Whole seconds, or numbers with the units `h`, `m`, `s` and `ms`.
fn parse_life(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let (mut rest, mut sum) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|character: char| character.is_ascii_digit()).unwrap_or(rest.len());
        sum = sum.checked_add(life_of(number, &rest[..unit])?)?;
        rest = &rest[unit..];
    }
    (!text.is_empty()).then_some(sum)
}

fn life_of(number: u64, unit: &str) -> Option<Duration> {
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3_600).map(Duration::from_secs),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Freshness, WriteMode};

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn times_are_read_in_all_their_forms() {
        assert_eq!(parse_life("300"), Some(Duration::from_secs(300)));
        assert_eq!(parse_life("1h30m"), Some(Duration::from_secs(5_400)));
        assert_eq!(parse_life("250ms"), Some(Duration::from_millis(250)));
        for bad in ["", "5", "5x", "m", "-1", "1.5s", "99999999999999999999h"] {
            assert!(bad == "5" || parse_life(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let error = builder(&values(&[("l1_size", "5")])).unwrap_err().to_string();
        assert!(error.contains("`l1_size`") && error.contains("l1_max_entries"), "{error}");
    }

    #[test]
    fn a_bad_value_says_what_is_allowed() {
        for (name, value) in [
            ("l1_max_entries", "many"),
            ("default_ttl", "soon"),
            ("codec", "xml"),
            ("write_mode", "later"),
            ("l1_engine", "moka"),
        ] {
            let error = builder(&values(&[(name, value)])).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value) && error.contains("takes"), "{error}");
        }
    }

    #[test]
    fn every_setting_reaches_the_builder() {
        let builder = builder(&values(&[
            ("namespace", "shop"),
            ("default_ttl", "5m"),
            ("l1_ttl", "30"),
            ("l1_max_entries", "7"),
            ("l2_deadline", "20ms"),
            ("wait_limit", "3s"),
            ("stale_if_error", "10m"),
            ("jitter", "0.1"),
            ("max_value_bytes", "1000"),
            ("max_staleness", "1s"),
            ("degraded_l1_ttl", "5s"),
            ("freshness", "strict"),
            ("l2_retries", "2"),
            ("l2_breaker_failures", "7"),
            ("l2_breaker_max", "10s"),
            ("max_loads", "100"),
            ("keep_hot_keys", "1000"),
            ("write_mode", "behind"),
            ("write_queue", "50"),
            ("reclaim", "2000"),
        ]))
        .unwrap();
        assert_eq!(builder.namespace.as_deref(), Some("shop"));
        assert_eq!(
            (builder.default_ttl, builder.l1_ttl),
            (Some(Duration::from_secs(300)), Some(Duration::from_secs(30)))
        );
        assert_eq!((builder.l2_deadline, builder.max_value_bytes), (Some(Duration::from_millis(20)), Some(1_000)));
        assert_eq!((builder.max_staleness, builder.freshness), (Some(Duration::from_secs(1)), Freshness::Strict));
        assert_eq!((builder.keep_hot_keys, builder.reclaim), (Some(1_000), Some(2_000)));
        assert_eq!((builder.writes.mode, builder.writes.queue), (Some(WriteMode::Behind), Some(50)));
        assert_eq!((builder.stale_if_error, builder.jitter), (Some(Duration::from_secs(600)), Some(0.1)));
        assert_eq!(builder.degraded_l1_ttl, Some(Duration::from_secs(5)));
        let Limits { retries, breaker_failures, breaker_max, max_loads } = builder.limits;
        assert_eq!((retries, breaker_failures, max_loads), (Some(2), Some(7), Some(100)));
        assert_eq!(breaker_max, Some(Duration::from_secs(10)));
        assert!(format!("{:?}", builder.l1).contains("Some(7)"));
    }
}
