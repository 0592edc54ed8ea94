//! Many keys in one round trip.

use std::collections::HashMap;
use std::time::Duration;

use redis::{Value, cmd, pipe};

use super::errors::translate;
use super::news::LOG_LENGTH;
use super::scripts::{SWAP, is_unknown};
use super::store::{RedisStore, SCAN_COUNT, convert, escape, millis, remaining_life};
use crate::error::Result;
use crate::store::{Found, Page, Reading, Sent, Stamps, Swap, Tell, Wanted, tag_life};

impl RedisStore {
    /// One `MGET`, the lives, and after them the stamps of all the groups together.
    pub(super) async fn read_many(&self, wanted: &[Wanted]) -> Result<Vec<Result<Reading>>> {
        let Some(first) = wanted.first() else { return Ok(Vec::new()) };
        let (fields, tags) = (each(wanted, |stamps| &stamps.fields), each(wanted, |stamps| &stamps.tags));
        let mut pipeline = pipe();
        let mget = pipeline.cmd("MGET");
        for one in wanted {
            mget.arg(&*one.key);
        }
        for one in wanted {
            pipeline.cmd("PTTL").arg(&*one.key);
        }
        if !fields.is_empty() {
            pipeline.cmd("HMGET").arg(&*first.stamps.hash).arg(&fields);
        }
        if !tags.is_empty() {
            pipeline.cmd("MGET").arg(&tags);
        }
        let answers = self.many(&pipeline).await?;
        let mut answers = answers.into_iter().map(|answer| answer.extract_error().map_err(translate));
        let mut next = || answers.next().unwrap_or(Ok(Value::Nil));
        let values: Vec<Value> = convert(next()?)?;
        let lives = wanted.iter().map(|_| next()).collect::<Result<Vec<_>>>()?;
        let of_fields: Vec<Option<u64>> = if fields.is_empty() { Vec::new() } else { convert(next()?)? };
        let of_tags: Vec<Option<u64>> = if tags.is_empty() { Vec::new() } else { convert(next()?)? };
        let stamps = |one: &Wanted| {
            let mut stamps = found(&one.stamps.fields, &fields, &of_fields);
            stamps.append(&mut found(&one.stamps.tags, &tags, &of_tags));
            stamps
        };
        let mut readings = Vec::with_capacity(wanted.len());
        for ((one, bytes), life) in wanted.iter().zip(values).zip(lives) {
            readings.push(match bytes {
                // `MGET` says the same of a key of another type as of none: only `GET` tells what it is.
                Value::Nil if !matches!(life, Value::Int(-2)) => self.read(&one.key, &one.stamps).await,
                Value::Nil => Ok(Reading { found: None, stamps: stamps(one) }),
                bytes => convert(bytes).map(|bytes| Reading {
                    found: Some(Found { bytes, remaining: remaining_life(&life) }),
                    stamps: stamps(one),
                }),
            });
        }
        Ok(readings)
    }

    /// One pipeline.
    pub(super) async fn heads(&self, keys: &[String], bytes: usize) -> Result<Vec<Option<Vec<u8>>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = pipe();
        for key in keys {
            pipeline.cmd("GETRANGE").arg(key).arg(0).arg(bytes.saturating_sub(1));
        }
        let answers = self.many(&pipeline).await?;
        let head = |answer: Value| convert(answer.extract_error().ok()?).ok().filter(|head: &Vec<u8>| !head.is_empty());
        Ok(answers.into_iter().map(head).collect())
    }

    /// A page at a time.
    pub(super) async fn scan(&self, start: &str, cursor: u64) -> Result<Page> {
        let mut command = cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(format!("{}*", escape(start))).arg("COUNT").arg(SCAN_COUNT);
        let (next, keys): (u64, Vec<String>) = self.one(&command).await?;
        Ok(Page { keys, next: (next != 0).then_some(next) })
    }

    /// One script, so that the others are told if anything was written, and nothing else comes in between.
    pub(super) async fn write_many(&self, sent: Vec<Sent>, tell: Tell) -> Result<Option<String>> {
        let lives = tag_lives(&sent);
        let mut call = self.scripts.write_many.key(tell.log);
        call.arg(tell.channel).arg(tell.message).arg(LOG_LENGTH).arg(sent.len());
        for Sent { key, bytes, life, .. } in sent {
            call.key(&*key).arg(bytes).arg(millis(life));
        }
        for (tag, life) in lives {
            call.key(tag).arg(millis(life));
        }
        self.script(&call).await.map(Some)
    }

    /// One pipeline. A server that does not know the script is sent its text with each of them, once in its life.
    pub(super) async fn swap_many(&self, swaps: &[Swap]) -> Result<Vec<Result<bool>>> {
        if swaps.is_empty() {
            return Ok(Vec::new());
        }
        let mut answers = self.many(&swaps_by("EVALSHA", self.scripts.swap.get_hash(), swaps)).await?;
        if answers.iter().any(is_unknown) {
            // Those that were known have been carried out, and find another value in the place.
            let unknown: Vec<usize> = (0..swaps.len()).filter(|at| is_unknown(&answers[*at])).collect();
            let again = self.many(&swaps_by("EVAL", SWAP, unknown.iter().map(|at| &swaps[*at]))).await?;
            unknown.into_iter().zip(again).for_each(|(at, answer)| answers[at] = answer);
        }
        let answer = |answer: Value| convert(answer.extract_error().map_err(translate)?);
        Ok(answers.into_iter().map(answer).collect())
    }
}

fn swaps_by<'a>(verb: &str, script: &str, swaps: impl IntoIterator<Item = &'a Swap>) -> redis::Pipeline {
    let mut pipeline = pipe();
    for Swap { key, expected, bytes, life, tags } in swaps {
        let call = pipeline.cmd(verb).arg(script).arg(1 + tags.len()).arg(&**key).arg(&**tags);
        call.arg(&**expected).arg(bytes).arg(millis(*life)).arg(millis(tag_life(*life)));
    }
    pipeline
}

/// How long the stamp of each tag is to be kept: for its longest entry.
fn tag_lives(sent: &[Sent]) -> HashMap<String, Duration> {
    let mut lives = HashMap::new();
    for Sent { life, tags, .. } in sent {
        for tag in &**tags {
            let longest = lives.entry(tag.clone()).or_default();
            *longest = tag_life(*life).max(*longest);
        }
    }
    lives
}

/// Each group once: most keys of a batch have the same.
fn each(wanted: &[Wanted], of: impl Fn(&Stamps) -> &[String]) -> Vec<&str> {
    let mut groups: Vec<&str> = wanted.iter().flat_map(|one| of(&one.stamps).iter().map(String::as_str)).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// The stamps of `wanted`, out of those of all `groups`.
fn found(wanted: &[String], groups: &[&str], stamps: &[Option<u64>]) -> Vec<Option<u64>> {
    let stamp = |group: &String| {
        let at = groups.binary_search(&group.as_str()).ok()?;
        stamps.get(at).copied().flatten()
    };
    wanted.iter().map(stamp).collect()
}
