//! News between instances: the log is a list.

use super::Memory;
use crate::store::{Hear, Joined, Op, Shared, Stamps, Store, Tell};

/// It has a log and no bus: other instances hear at their next heartbeat.
impl Shared for Memory {
    fn invalidate<'a>(&'a self, keys: &'a [String], stamps: &'a Stamps, tell: &'a Tell) -> Op<'a, String> {
        Box::pin(async move {
            self.remove(keys).await?;
            self.unstamp(stamps).await?;
            self.append(&tell.log, tell.message.clone()).await
        })
    }

    fn append<'a>(&'a self, log: &'a str, message: Vec<u8>) -> Op<'a, String> {
        Box::pin(async move { Ok(log_id(self.state().append(log.to_owned(), message))) })
    }

    fn read_log<'a>(&'a self, log: &'a str, from: &'a str, count: usize) -> Op<'a, Vec<(String, Vec<u8>)>> {
        Box::pin(async move {
            let from = from.split('-').next().and_then(|from| from.parse().ok()).unwrap_or(u64::MAX);
            let state = self.state();
            let entries = state.logs.get(log).into_iter().flat_map(|log| log.range(from..)).take(count);
            Ok(entries.map(|(place, message)| (log_id(*place), message.clone())).collect())
        })
    }

    fn trimmed_to<'a>(&'a self, _log: &'a str) -> Op<'a, Option<String>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn publish<'a>(&'a self, _channel: &'a str, _message: Vec<u8>) -> Op<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn listen<'a>(&'a self, _channel: &'a str, _hear: Hear, _joined: Joined) -> Op<'a, ()> {
        Box::pin(std::future::pending())
    }
}

/// Spelt as Redis spells it.
pub(super) fn log_id(place: u64) -> String {
    format!("{place}-0")
}
