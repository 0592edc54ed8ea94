//! L2 in a Redis Cluster: each key, each tag, the stamps and the log go to the primary of their slot, over one connection a primary.
//!
//! The routing is ours: that of redis-rs stands still for all slots while it asks for the slots of one and connects to a node that
//! does not answer, and a node that falls silent is never left.

mod map;
mod news;
mod nodes;
mod restarts;
pub(super) mod route;
pub(super) mod slots;
mod store;

use std::time::Duration;

use redis::{Cmd, ConnectionInfo, FromRedisValue, Pipeline, Script, ToRedisArgs, Value, cmd, pipe};

use super::errors::translate;
use super::scripts::is_unknown;
use super::store::convert;
use crate::error::Result;
use nodes::Nodes;

pub(super) struct ClusterStore {
    nodes: Nodes,
    timeout: Duration,
    name: String,
    scripts: Scripts,
}

/// Those of one server, with one key each; and what is told, alone.
struct Scripts {
    stamp: Lua,
    claim: Lua,
    swap: Lua,
    commit: Lua,
    extend: Lua,
    release: Lua,
    tell: Lua,
}

/// A script and its hash.
struct Lua {
    text: &'static str,
    hash: String,
}

impl Lua {
    fn new(text: &'static str) -> Self {
        Self { text, hash: Script::new(text).get_hash().to_owned() }
    }
}

impl ClusterStore {
    /// # Errors
    ///
    /// `ErrorKind::Config` if the settings cannot be used.
    pub(super) fn new(seeds: Vec<ConnectionInfo>, timeout: Duration, name: String) -> Result<Self> {
        let scripts = Scripts {
            stamp: Lua::new(include_str!("../stamp.lua")),
            claim: Lua::new(include_str!("../claim.lua")),
            swap: Lua::new(include_str!("../swap.lua")),
            commit: Lua::new(include_str!("commit.lua")),
            extend: Lua::new(include_str!("../extend.lua")),
            release: Lua::new(include_str!("../release.lua")),
            tell: Lua::new(include_str!("tell.lua")),
        };
        Ok(Self { nodes: Nodes::new(seeds, timeout)?, timeout, name, scripts })
    }

    /// One command to the primary of `key`.
    async fn one<T: FromRedisValue>(&self, key: &str, command: &Cmd) -> Result<T> {
        let mut pipeline = pipe();
        pipeline.add_command(command.clone());
        let value = self.nodes.ask(key, &pipeline).await?.pop().unwrap_or(Value::Nil);
        convert(value.extract_error().map_err(translate)?)
    }

    /// Several commands to the primary of `key`, which is what they are all about.
    async fn some(&self, key: &str, pipeline: &Pipeline) -> Result<Vec<Value>> {
        let values = self.nodes.ask(key, pipeline).await?;
        values.into_iter().map(|value| value.extract_error().map_err(translate)).collect()
    }

    /// A script of one key. Each primary is given the text when it does not know the hash.
    async fn script<T: FromRedisValue>(&self, lua: &Lua, key: &str, arguments: &impl ToRedisArgs) -> Result<T> {
        let by = |verb: &str, script: &str| {
            let mut pipeline = pipe();
            pipeline.cmd(verb).arg(script).arg(1).arg(key).arg(arguments);
            pipeline
        };
        let mut answer = self.nodes.ask(key, &by("EVALSHA", &lua.hash)).await?.pop().unwrap_or(Value::Nil);
        if is_unknown(&answer) {
            answer = self.nodes.ask(key, &by("EVAL", lua.text)).await?.pop().unwrap_or(Value::Nil);
        }
        convert(answer.extract_error().map_err(translate)?)
    }

    /// Removes keys, side by side: a slot may move, and then those of one command would have to wait for each other.
    async fn unlink(&self, keys: impl Iterator<Item = &String>) -> Result<()> {
        let one = |key: &String| {
            let command = cmd("UNLINK").arg(key).take();
            let key = key.clone();
            async move { self.one::<u64>(&key, &command).await.map(drop) }
        };
        all(keys.map(one)).await.map(drop)
    }
}

/// Waits for all, also when one has failed: what was begun is either acknowledged or its failure is known.
async fn all<T>(operations: impl Iterator<Item = impl Future<Output = Result<T>>>) -> Result<Vec<T>> {
    futures_util::future::join_all(operations).await.into_iter().collect()
}
