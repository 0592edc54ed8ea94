//! The L2 contract, a slot a key.

use std::time::Duration;

use futures_util::future::{join, join_all, join3, select_ok};
use redis::{Value, cmd, pipe};

use super::ClusterStore;
use crate::error::{Error, ErrorKind, Result};
use crate::store::redis::errors::translate;
use crate::store::redis::store::{SCAN_COUNT, convert, escape, millis, remaining_life};
use crate::store::{Commit, Committed, Found, Op, Page, Reading, Sent, Shared, Stamps, Store, Tell, tag_life};

/// The upper bits of a cursor are the number of the primary; Redis's own never needs them.
const CURSOR_BITS: u32 = 48;

impl ClusterStore {
    async fn read(&self, key: &str, stamps: &Stamps) -> Result<Reading> {
        let tags = join_all(stamps.tags.iter().map(|tag| self.stamp_of(tag)));
        let (found, fields, tags) = join3(self.find(key), self.fields(stamps), tags).await;
        let mut stamps = fields?;
        for tag in tags {
            stamps.push(tag?);
        }
        Ok(Reading { found: found?, stamps })
    }

    async fn find(&self, key: &str) -> Result<Option<Found>> {
        let mut pipeline = pipe();
        pipeline.cmd("GET").arg(key).cmd("PTTL").arg(key);
        let mut values = self.some(key, &pipeline).await?.into_iter();
        Ok(match (values.next(), values.next()) {
            (None | Some(Value::Nil), _) | (_, None) => None,
            (Some(bytes), Some(life)) => Some(Found { bytes: convert(bytes)?, remaining: remaining_life(&life) }),
        })
    }

    async fn fields(&self, stamps: &Stamps) -> Result<Vec<Option<u64>>> {
        if stamps.fields.is_empty() {
            return Ok(Vec::new());
        }
        self.one(&stamps.hash, cmd("HMGET").arg(&*stamps.hash).arg(&*stamps.fields)).await
    }

    async fn stamp_of(&self, tag: &str) -> Result<Option<u64>> {
        self.one(tag, cmd("GET").arg(tag)).await
    }

    async fn stamp(&self, stamps: &Stamps, fresh: &[u64], life: Duration) -> Result<Vec<u64>> {
        let (of_fields, of_tags) = fresh.split_at(stamps.fields.len());
        let tags = stamps.tags.iter().zip(of_tags).map(|(tag, fresh)| self.stamp_tag(tag, *fresh, life));
        let (fields, tags) = join(self.stamp_fields(stamps, of_fields), super::all(tags)).await;
        Ok([fields?, tags?].concat())
    }

    async fn stamp_fields(&self, stamps: &Stamps, fresh: &[u64]) -> Result<Vec<u64>> {
        if fresh.is_empty() {
            return Ok(Vec::new());
        }
        let mut arguments = vec!["0".to_owned()];
        for (field, stamp) in stamps.fields.iter().zip(fresh) {
            arguments.extend([field.clone(), stamp.to_string()]);
        }
        self.script(&self.scripts.stamp, &stamps.hash, &arguments).await
    }

    async fn stamp_tag(&self, tag: &str, fresh: u64, life: Duration) -> Result<u64> {
        let life = millis(tag_life(life));
        let mut pipeline = pipe();
        pipeline.cmd("SET").arg(tag).arg(fresh).arg("NX").arg("GET").arg("PX").arg(life);
        pipeline.cmd("PEXPIRE").arg(tag).arg(life).arg("GT");
        let found = self.some(tag, &pipeline).await?.into_iter().next().unwrap_or(Value::Nil);
        Ok(convert::<Option<u64>>(found)?.unwrap_or(fresh))
    }

    /// Those of the tags that have a stamp keep it for as long as a value of this `life` needs it.
    async fn keep_tags(&self, tags: &[String], life: Duration) -> Result<()> {
        let life = millis(tag_life(life));
        let keep = |tag| async move { self.one::<u64>(tag, cmd("PEXPIRE").arg(tag).arg(life).arg("GT")).await };
        super::all(tags.iter().map(|tag| keep(tag))).await.map(drop)
    }

    /// The others are told after it: who reads in between finds what is new, or nothing.
    async fn commit(&self, commit: Commit) -> Result<Committed> {
        let Commit { key, expected, bytes, life, tags, tell, .. } = commit;
        let successions = self.nodes.successions();
        let stored = self.put(&key, expected.as_deref(), bytes, life, &tags).await?;
        let place = self.tell(&tell).await?;
        if self.nodes.successions() == successions {
            return Ok(Committed { stored, place: Some(place) });
        }
        // The value may be lost, and an older one in its place.
        let place = self.invalidate(&[key.to_string()], &Stamps::default(), &tell).await?;
        Ok(Committed { stored: false, place: Some(place) })
    }

    /// Each by its primary, and all of it told once, after it.
    async fn write_many(&self, sent: Vec<Sent>, tell: Tell) -> Result<Option<String>> {
        let keys: Vec<String> = sent.iter().map(|one| one.key.to_string()).collect();
        let successions = self.nodes.successions();
        let put = |Sent { key, bytes, life, tags, .. }| async move { self.put(&key, None, bytes, life, &tags).await };
        super::all(sent.into_iter().map(put)).await?;
        let place = self.tell(&tell).await?;
        if self.nodes.successions() == successions {
            return Ok(Some(place));
        }
        // As with one: memory has them all the same.
        self.invalidate(&keys, &Stamps::default(), &tell).await.map(Some)
    }

    /// Puts a value in the place of what is expected, or of anything; of anything else nothing is left. Says whether it is there.
    async fn put(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        bytes: Vec<u8>,
        life: Duration,
        tags: &[String],
    ) -> Result<bool> {
        self.keep_tags(tags, life).await?;
        self.script(&self.scripts.commit, key, &(bytes, millis(life), expected)).await
    }

    /// Removes keys and stamps, each by its primary.
    pub(super) async fn forget(&self, keys: &[String], stamps: &Stamps) -> Result<()> {
        let fields = async {
            if stamps.fields.is_empty() {
                return Ok(());
            }
            self.one::<u64>(&stamps.hash, cmd("HDEL").arg(&*stamps.hash).arg(&*stamps.fields)).await.map(drop)
        };
        let (keys, fields) = join(self.unlink(keys.iter().chain(&*stamps.tags)), fields).await;
        keys.and(fields)
    }

    async fn touch(&self, stamps: &Stamps) -> Result<()> {
        let keys = std::iter::once(&*stamps.hash).chain(stamps.tags.iter().map(String::as_str));
        let touch = |key| async move { self.one::<u64>(key, cmd("TOUCH").arg(key)).await };
        super::all(keys.map(touch)).await.map(drop)
    }

    /// One primary after the other.
    async fn scan(&self, start: &str, cursor: u64) -> Result<Page> {
        let number = usize::try_from(cursor >> CURSOR_BITS).unwrap_or(usize::MAX);
        let primaries = self.nodes.primaries().await?;
        let Some(node) = primaries.get(number) else { return Ok(Page::default()) };
        let mut pipeline = pipe();
        pipeline.cmd("SCAN").arg(cursor & ((1 << CURSOR_BITS) - 1)).arg("MATCH").arg(format!("{}*", escape(start)));
        pipeline.arg("COUNT").arg(SCAN_COUNT);
        let page = self.nodes.ask_node(node, &pipeline).await?.pop().unwrap_or(Value::Nil);
        let (next, keys): (u64, Vec<String>) = convert(page.extract_error().map_err(translate)?)?;
        let number = if next == 0 { number + 1 } else { number };
        Ok(Page { keys, next: (number < primaries.len()).then_some((number as u64) << CURSOR_BITS | next) })
    }

    /// Each by its primary.
    async fn heads(&self, keys: &[String], bytes: usize) -> Result<Vec<Option<Vec<u8>>>> {
        let end = bytes.saturating_sub(1);
        let head = |key| async move { self.one::<Vec<u8>>(key, cmd("GETRANGE").arg(key).arg(0).arg(end)).await.ok() };
        let heads = join_all(keys.iter().map(|key| head(key.as_str()))).await;
        Ok(heads.into_iter().map(|head| head.filter(|head| !head.is_empty())).collect())
    }

    /// A cluster can be used as soon as one of its primaries can: the others' slots have their own troubles.
    async fn ping(&self) -> Result<()> {
        let primaries = self.nodes.primaries().await?;
        let mut pipeline = pipe();
        pipeline.cmd("PING");
        let ask = |node| Box::pin(self.nodes.ask_node(node, &pipeline));
        if primaries.is_empty() {
            return Err(Error::new(ErrorKind::Unavailable, "the cluster has no primary"));
        }
        select_ok(primaries.iter().map(ask)).await.map(drop)
    }
}

impl Store for ClusterStore {
    fn read<'a>(&'a self, key: &'a str, stamps: &'a Stamps) -> Op<'a, Reading> {
        Box::pin(self.read(key, stamps))
    }

    /// Whoever is sent on to another node may have to connect to it first.
    fn read_here<'a>(&'a self, _: &'a str, _: &'a Stamps) -> Option<Op<'a, Reading>> {
        None
    }

    fn claim<'a>(&'a self, key: &'a str, lease: &'a [u8], life: Duration) -> Op<'a, Option<Vec<u8>>> {
        Box::pin(async move { self.script(&self.scripts.claim, key, &(lease, millis(life))).await })
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
            self.keep_tags(tags, life).await?;
            self.script(&self.scripts.swap, key, &(expected, bytes, millis(life))).await
        })
    }

    fn commit(&self, commit: Commit) -> Op<'_, Committed> {
        Box::pin(self.commit(commit))
    }

    fn write_many(&self, sent: Vec<Sent>, tell: Tell) -> Op<'_, Option<String>> {
        Box::pin(self.write_many(sent, tell))
    }

    fn extend<'a>(&'a self, key: &'a str, expected: &'a [u8], life: Duration) -> Op<'a, bool> {
        Box::pin(async move { self.script(&self.scripts.extend, key, &(expected, millis(life))).await })
    }

    fn release<'a>(&'a self, key: &'a str, expected: &'a [u8]) -> Op<'a, bool> {
        Box::pin(async move { self.script(&self.scripts.release, key, &(expected,)).await })
    }

    fn remove<'a>(&'a self, keys: &'a [String]) -> Op<'a, ()> {
        Box::pin(self.unlink(keys.iter()))
    }

    fn stamp<'a>(&'a self, stamps: &'a Stamps, fresh: &'a [u64], life: Duration) -> Op<'a, Vec<u64>> {
        Box::pin(self.stamp(stamps, fresh, life))
    }

    fn groups<'a>(&'a self, hash: &'a str) -> Op<'a, Vec<String>> {
        Box::pin(async move { self.one(hash, cmd("HKEYS").arg(hash)).await })
    }

    fn unstamp<'a>(&'a self, stamps: &'a Stamps) -> Op<'a, ()> {
        Box::pin(self.forget(&[], stamps))
    }

    fn touch<'a>(&'a self, stamps: &'a Stamps) -> Op<'a, ()> {
        Box::pin(self.touch(stamps))
    }

    fn scan<'a>(&'a self, start: &'a str, cursor: u64) -> Op<'a, Page> {
        Box::pin(self.scan(start, cursor))
    }

    fn heads<'a>(&'a self, keys: &'a [String], bytes: usize) -> Op<'a, Vec<Option<Vec<u8>>>> {
        Box::pin(self.heads(keys, bytes))
    }

    fn ping(&self) -> Op<'_, ()> {
        Box::pin(self.ping())
    }

    fn renew(&self) {
        self.nodes.renew();
    }

    fn close(&self) -> Op<'_, ()> {
        Box::pin(async move {
            self.nodes.close();
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
