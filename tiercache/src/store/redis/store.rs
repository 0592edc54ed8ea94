//! The L2 contract in Redis's commands.

use std::time::Duration;

use redis::{Cmd, FromRedisValue, Pipeline, RedisError, ScriptInvocation, Value, cmd, pipe};

use super::connection::{Connection, Exchange};
use super::errors::translate;
use super::news::{Bus, LOG_LENGTH};
use super::scripts::Scripts;
use super::server::Server;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{
    Commit, Committed, Found, Op, Page, Reading, Sent, Shared, Stamps, Store, Swap, Tell, Wanted, tag_life,
};

/// Keys a page of `SCAN` looks at.
pub(super) const SCAN_COUNT: usize = 512;

pub(super) struct RedisStore {
    connection: Connection,
    name: String,
    pub(super) scripts: Scripts,
    pub(super) bus: Bus,
}

impl RedisStore {
    /// # Errors
    ///
    /// `ErrorKind::Config` if the settings cannot be used.
    pub(super) fn new(server: Server, connect_timeout: Duration, name: String) -> Result<Self> {
        let bus = Bus::new(&server, connect_timeout)?;
        Ok(Self { connection: Connection::new(server, connect_timeout), name, scripts: Scripts::new(), bus })
    }

    pub(super) async fn one<T: FromRedisValue>(&self, command: &Cmd) -> Result<T> {
        let mut exchange = self.connection.begin().await?;
        let result = exchange.connection.send_packed_command(command).await.and_then(Value::extract_error);
        exchange.ended(result.as_ref().err());
        convert(result.map_err(translate)?)
    }

    pub(super) async fn read(&self, key: &str, stamps: &Stamps) -> Result<Reading> {
        read_on(self.connection.begin().await?, key, stamps).await
    }

    pub(super) async fn many(&self, pipeline: &Pipeline) -> Result<Vec<Value>> {
        many(self.connection.begin().await?, pipeline).await
    }

    async fn stamp(&self, stamps: &Stamps, fresh: &[u64], life: Duration) -> Result<Vec<u64>> {
        let (of_fields, of_tags) = fresh.split_at(stamps.fields.len());
        let mut call = self.scripts.stamp.key(&*stamps.hash);
        for tag in &*stamps.tags {
            call.key(tag);
        }
        call.arg(millis(tag_life(life))).arg(of_tags);
        for (field, stamp) in stamps.fields.iter().zip(of_fields) {
            call.arg(field).arg(*stamp);
        }
        self.script(&call).await
    }

    async fn unstamp(&self, stamps: &Stamps) -> Result<()> {
        let mut pipeline = pipe();
        if !stamps.fields.is_empty() {
            pipeline.cmd("HDEL").arg(&*stamps.hash).arg(&*stamps.fields);
        }
        if !stamps.tags.is_empty() {
            pipeline.cmd("UNLINK").arg(&*stamps.tags);
        }
        if pipeline.is_empty() {
            return Ok(());
        }
        let answers = many(self.connection.begin().await?, &pipeline).await?;
        answers.into_iter().try_for_each(|answer| answer.extract_error().map(drop).map_err(translate))
    }

    pub(super) async fn script<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T> {
        let mut exchange = self.connection.begin().await?;
        let result: Result<T, RedisError> = call.invoke_async(&mut exchange.connection).await;
        exchange.ended(result.as_ref().err());
        result.map_err(translate)
    }

    async fn commit(&self, commit: Commit) -> Result<Committed> {
        let Commit { key, expected, bytes, life, tags, tell, .. } = commit;
        let mut call = self.scripts.commit.key(&*key);
        call.key(tell.log);
        for tag in &*tags {
            call.key(tag);
        }
        call.arg(bytes)
            .arg(millis(life))
            .arg(millis(tag_life(life)))
            .arg(tell.channel)
            .arg(tell.message)
            .arg(LOG_LENGTH);
        if let Some(expected) = expected {
            call.arg(&*expected);
        }
        let (stored, place) = self.script(&call).await?;
        Ok(Committed { stored, place: Some(place) })
    }
}

async fn read_on(exchange: Exchange, key: &str, stamps: &Stamps) -> Result<Reading> {
    let mut pipeline = pipe();
    pipeline.cmd("GET").arg(key).cmd("PTTL").arg(key);
    if !stamps.fields.is_empty() {
        pipeline.cmd("HMGET").arg(&*stamps.hash).arg(&*stamps.fields);
    }
    if !stamps.tags.is_empty() {
        pipeline.cmd("MGET").arg(&*stamps.tags);
    }
    let asked = pipeline.len();
    let mut values = read_in_step(exchange, &pipeline).await?.into_iter();
    let mut next = || values.next().unwrap_or(Value::Nil).extract_error().map_err(translate);
    let (bytes, remaining) = (next(), next()?);
    let mut stamps = Vec::new();
    for _ in 2..asked {
        stamps.append(&mut convert(next()?)?);
    }
    let found = match bytes {
        Err(error) => return Err(error),
        Ok(Value::Nil) => None,
        Ok(bytes) => Some(Found { bytes: convert(bytes)?, remaining: remaining_life(&remaining) }),
    };
    Ok(Reading { found, stamps })
}

/// Answers of a read whose second command always answers with a number. With anything else there, an answer too many or too few has
/// come before: so every later one would be another question's.
async fn read_in_step(mut exchange: Exchange, pipeline: &Pipeline) -> Result<Vec<Value>> {
    let result = exchange.connection.send_packed_commands(pipeline, 0, pipeline.len()).await;
    if let Ok(values) = &result
        && !matches!(values.get(1), Some(Value::Int(_) | Value::ServerError(_)))
    {
        exchange.out_of_step();
        return Err(Error::new(ErrorKind::Protocol, "Redis answers something else than what was asked"));
    }
    exchange.ended(result.as_ref().err());
    result.map_err(translate)
}

async fn many(mut exchange: Exchange, pipeline: &Pipeline) -> Result<Vec<Value>> {
    let result = exchange.connection.send_packed_commands(pipeline, 0, pipeline.len()).await;
    exchange.ended(result.as_ref().err());
    result.map_err(translate)
}

impl Store for RedisStore {
    fn read<'a>(&'a self, key: &'a str, stamps: &'a Stamps) -> Op<'a, Reading> {
        Box::pin(self.read(key, stamps))
    }

    fn read_here<'a>(&'a self, key: &'a str, stamps: &'a Stamps) -> Option<Op<'a, Reading>> {
        let exchange = self.connection.begin_now()?;
        Some(Box::pin(read_on(exchange, key, stamps)))
    }

    fn read_many<'a>(&'a self, wanted: &'a [Wanted]) -> Op<'a, Vec<Result<Reading>>> {
        Box::pin(self.read_many(wanted))
    }

    fn write_many(&self, sent: Vec<Sent>, tell: Tell) -> Op<'_, Option<String>> {
        Box::pin(self.write_many(sent, tell))
    }

    fn swap_many(&self, swaps: Vec<Swap>) -> Op<'_, Vec<Result<bool>>> {
        Box::pin(async move { self.swap_many(&swaps).await })
    }

    fn claim<'a>(&'a self, key: &'a str, lease: &'a [u8], life: Duration) -> Op<'a, Option<Vec<u8>>> {
        Box::pin(async move { self.script(self.scripts.claim.key(key).arg(lease).arg(millis(life))).await })
    }

    fn swap<'a>(
        &'a self,
        key: &'a str,
        expected: &'a [u8],
        bytes: Vec<u8>,
        life: Duration,
        tags: &'a [String],
    ) -> Op<'a, bool> {
        Box::pin(async move {
            let mut call = self.scripts.swap.key(key);
            for tag in tags {
                call.key(tag);
            }
            call.arg(expected).arg(bytes).arg(millis(life)).arg(millis(tag_life(life)));
            self.script(&call).await
        })
    }

    fn commit(&self, commit: Commit) -> Op<'_, Committed> {
        Box::pin(self.commit(commit))
    }

    fn extend<'a>(&'a self, key: &'a str, expected: &'a [u8], life: Duration) -> Op<'a, bool> {
        Box::pin(async move { self.script(self.scripts.extend.key(key).arg(expected).arg(millis(life))).await })
    }

    fn release<'a>(&'a self, key: &'a str, expected: &'a [u8]) -> Op<'a, bool> {
        Box::pin(async move { self.script(self.scripts.release.key(key).arg(expected)).await })
    }

    fn remove<'a>(&'a self, keys: &'a [String]) -> Op<'a, ()> {
        Box::pin(async move {
            match keys {
                [] => Ok(()),
                keys => self.one::<u64>(cmd("UNLINK").arg(keys)).await.map(drop),
            }
        })
    }

    fn stamp<'a>(&'a self, stamps: &'a Stamps, fresh: &'a [u64], life: Duration) -> Op<'a, Vec<u64>> {
        Box::pin(self.stamp(stamps, fresh, life))
    }

    fn groups<'a>(&'a self, hash: &'a str) -> Op<'a, Vec<String>> {
        Box::pin(async move { self.one(cmd("HKEYS").arg(hash)).await })
    }

    fn unstamp<'a>(&'a self, stamps: &'a Stamps) -> Op<'a, ()> {
        Box::pin(self.unstamp(stamps))
    }

    fn touch<'a>(&'a self, stamps: &'a Stamps) -> Op<'a, ()> {
        Box::pin(async move { self.one::<u64>(cmd("TOUCH").arg(&*stamps.hash).arg(&*stamps.tags)).await.map(drop) })
    }

    fn scan<'a>(&'a self, start: &'a str, cursor: u64) -> Op<'a, Page> {
        Box::pin(self.scan(start, cursor))
    }

    fn heads<'a>(&'a self, keys: &'a [String], bytes: usize) -> Op<'a, Vec<Option<Vec<u8>>>> {
        Box::pin(self.heads(keys, bytes))
    }

    fn ping(&self) -> Op<'_, ()> {
        Box::pin(async move { self.one::<String>(&cmd("PING")).await.map(drop) })
    }

    fn renew(&self) {
        self.connection.renew();
    }

    fn close(&self) -> Op<'_, ()> {
        Box::pin(async move {
            self.connection.close();
            Ok(())
        })
    }

    fn shared(&self) -> Option<&dyn Shared> {
        Some(self)
    }

    fn describe(&self) -> String {
        format!("redis ({})", self.name)
    }
}

/// `PX` takes at least 1, and so much that the moment it leads to fits an `i64`.
pub(super) fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX).clamp(1, i64::MAX as u64 / 2)
}

/// `PTTL` answers -1 for a key without a life, -2 for none: the key lapsed after the `GET`.
pub(super) fn remaining_life(pttl: &Value) -> Option<Duration> {
    match pttl {
        Value::Int(-1) => None,
        Value::Int(millis) => Some(Duration::from_millis(u64::try_from(*millis).unwrap_or(0))),
        _ => Some(Duration::ZERO),
    }
}

/// The glob characters of `MATCH`, taken literally.
pub(super) fn escape(start: &str) -> String {
    let mut escaped = String::with_capacity(start.len());
    for character in start.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

pub(super) fn convert<T: FromRedisValue>(value: Value) -> Result<T> {
    T::from_redis_value(value).map_err(|error| {
        Error::new(ErrorKind::Protocol, "Redis answered with something else than asked for").with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glob_characters_of_a_prefix_are_literal() {
        assert_eq!(escape("a*b?[c]\\"), "a\\*b\\?\\[c\\]\\\\");
    }

    #[test]
    fn a_life_is_at_least_a_millisecond_and_fits_redis() {
        assert_eq!(millis(Duration::ZERO), 1);
        assert_eq!(millis(Duration::MAX), i64::MAX as u64 / 2);
    }

    #[test]
    fn a_key_that_lapsed_between_get_and_pttl_has_no_life_left() {
        assert_eq!(remaining_life(&Value::Int(-2)), Some(Duration::ZERO));
        assert_eq!(remaining_life(&Value::Int(-1)), None);
    }
}
