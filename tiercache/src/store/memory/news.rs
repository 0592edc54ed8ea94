//! News between instances: the log is a list.

use super::Memory;
use crate::store::{Hear, Joined, Op, Shared, Stamps, Store, Tell};

/// It has a log and no bus: other instances hear at their next heartbeat.
impl Shared for Memory {
    fn invalidate<'a>(&'a self, keys: &'a [String], stamps: &'a Stamps, tell: &'a Tell) -> Op<'a, ()> {
        Box::pin(async move {
            self.remove(keys).await?;
            self.unstamp(stamps).await?;
            self.append(&tell.log, tell.message.clone()).await.map(drop)
        })
    }

    fn append<'a>(&'a self, log: &'a str, message: Vec<u8>) -> Op<'a, String> {
        Box::pin(async move {
            let mut state = self.state();
            let entries = state.logs.entry(log.to_owned()).or_default();
            entries.push(message);
            Ok((entries.len() - 1).to_string())
        })
    }

    fn read_log<'a>(&'a self, log: &'a str, from: &'a str, count: usize) -> Op<'a, Vec<(String, Vec<u8>)>> {
        Box::pin(async move {
            let from = from.parse().unwrap_or(usize::MAX);
            let state = self.state();
            let entries = state.logs.get(log).into_iter().flatten().enumerate().skip(from).take(count);
            Ok(entries.map(|(id, message)| (id.to_string(), message.clone())).collect())
        })
    }

    fn listen<'a>(&'a self, _channel: &'a str, _hear: Hear, _joined: Joined) -> Op<'a, ()> {
        Box::pin(std::future::pending())
    }
}
