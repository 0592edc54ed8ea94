//! The way of a request to the primary of its slot, where it may be sent on from.

use std::sync::Arc;
use std::time::Duration;

use redis::{Pipeline, RedisError, ServerErrorKind, Value, pipe};

use super::map::Node;
use super::nodes::Nodes;
use super::slots::{self, slot_of};
use crate::error::{Error, ErrorKind, Result};
use crate::store::redis::errors::translate;

/// How often a request may be sent on.
const HOPS: usize = 8;
/// Until a slot that is just moving is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(10);

/// Where a node sends a request.
pub(in crate::store::redis) enum Hop {
    Moved(String),
    Ask(String),
    TryAgain,
}

impl Nodes {
    /// The answers to commands that are all about `key`, by its primary.
    pub(super) async fn ask(&self, key: &str, pipeline: &Pipeline) -> Result<Vec<Value>> {
        let slot = slot_of(key);
        let doubt = Doubt { nodes: self, cleared: false };
        let mut node = self.primary_of(slot).await?;
        let mut answers = exchange(&node, pipeline).await?;
        for _ in 0..HOPS {
            match hop(&answers, &node.address) {
                None => {
                    // A cluster that is down is about to have other primaries.
                    return Ok(if is_down(&answers) { answers } else { doubt.clear(answers) });
                }
                Some(Hop::Moved(address)) => {
                    self.doubt();
                    node = self.moved(slot, &address)?;
                    answers = exchange(&node, pipeline).await?;
                }
                Some(Hop::Ask(address)) => answers = ask_new(&*self.node(&address)?, pipeline).await?,
                Some(Hop::TryAgain) => {
                    tokio::time::sleep(TRY_AGAIN).await;
                    answers = exchange(&node, pipeline).await?;
                }
            }
        }
        Err(Error::new(ErrorKind::Overloaded, format!("slot {slot} of the cluster does not come to rest")))
    }

    /// The answers of one node, whatever its slots.
    pub(super) async fn ask_node(&self, node: &Arc<Node>, pipeline: &Pipeline) -> Result<Vec<Value>> {
        let doubt = Doubt { nodes: self, cleared: false };
        Ok(doubt.clear(exchange(node, pipeline).await?))
    }
}

/// Whoever fails, or goes away unanswered, doubts what is known of the cluster.
struct Doubt<'a> {
    nodes: &'a Nodes,
    cleared: bool,
}

impl Doubt<'_> {
    fn clear<T>(mut self, answers: T) -> T {
        self.cleared = true;
        answers
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if !self.cleared {
            self.nodes.doubt();
        }
    }
}

async fn exchange(node: &Node, pipeline: &Pipeline) -> Result<Vec<Value>> {
    let mut exchange = node.connection.begin().await?;
    let result = exchange.connection.send_packed_commands(pipeline, 0, pipeline.len()).await;
    exchange.ended(result.as_ref().err());
    result.map_err(translate)
}

/// The answers of a node that does not have the slot yet: it is asked before each command.
async fn ask_new(node: &Node, pipeline: &Pipeline) -> Result<Vec<Value>> {
    let mut asking = pipe();
    for command in pipeline.cmd_iter() {
        asking.cmd("ASKING").add_command(command.clone());
    }
    let answers = exchange(node, &asking).await?;
    Ok(answers.into_iter().skip(1).step_by(2).collect())
}

pub(in crate::store::redis) fn hop(answers: &[Value], asked: &str) -> Option<Hop> {
    answers.iter().find_map(|answer| {
        let Value::ServerError(error) = answer else { return None };
        let error = RedisError::from(error.clone());
        let address = || {
            let (host, port) = error.redirect_node()?.0.rsplit_once(':')?;
            Some(slots::address(host, port, asked))
        };
        match error.kind() {
            redis::ErrorKind::Server(ServerErrorKind::Moved) => address().map(Hop::Moved),
            redis::ErrorKind::Server(ServerErrorKind::Ask) => address().map(Hop::Ask),
            redis::ErrorKind::Server(ServerErrorKind::TryAgain) => Some(Hop::TryAgain),
            _ => None,
        }
    })
}

fn is_down(answers: &[Value]) -> bool {
    let is_down = |error: &RedisError| {
        let down = [ServerErrorKind::ClusterDown, ServerErrorKind::MasterDown, ServerErrorKind::ReadOnly];
        down.into_iter().any(|kind| error.kind() == redis::ErrorKind::Server(kind))
    };
    answers.iter().any(|answer| matches!(answer, Value::ServerError(error) if is_down(&error.clone().into())))
}
