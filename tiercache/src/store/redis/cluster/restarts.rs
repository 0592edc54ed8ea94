//! Primaries that end and begin again where they were: what they go on from may lack the last that they acknowledged.
//!
//! The cluster says nothing of it, as nobody has replaced them, and who does not use a slot does not even lose a connection. So each primary
//! is asked for a sign of life twice a second; and once for each connection, which process it is. Where our user may not know that
//! (`INFO`), a connection that was lost counts as a process that has ended: that is redone once too often, and never too seldom.

use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use redis::{Value, cmd, from_redis_value_ref};
use tokio::time::{sleep, timeout};

use super::map::Node;
use super::nodes::Shared;
use crate::error::{Error, ErrorKind, Result};
use crate::store::redis::errors::translate;

/// Between two looks at a primary, and how long one may take.
const PAUSE: Duration = Duration::from_millis(500);
const ANSWER: Duration = Duration::from_millis(500);
/// The pause where we are refused: that needs a person.
const PAUSE_OF_REFUSED: Duration = Duration::from_secs(30);

/// What was seen last of a node.
#[derive(Default)]
pub(super) struct Life(Mutex<Option<Seen>>);

#[derive(Debug)]
struct Seen {
    connection: u64,
    /// Its name for this run; none if it does not tell.
    process: Option<String>,
}

impl Life {
    fn is_known_by(&self, connection: u64) -> bool {
        self.seen().as_ref().is_some_and(|seen| seen.connection == connection)
    }

    /// Notes what was seen, and says whether it may be another process than the one before.
    fn note(&self, now: Seen) -> bool {
        let mut seen = self.seen();
        let is_other = seen.as_ref().is_some_and(|before| {
            before.connection != now.connection && (now.process.is_none() || before.process != now.process)
        });
        *seen = Some(now);
        is_other
    }

    fn seen(&self) -> MutexGuard<'_, Option<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at all primaries, again and again, until nobody needs to know.
pub(super) async fn watch(shared: Weak<Shared>) {
    while let Some(nodes) = shared.upgrade().filter(|nodes| !nodes.is_closed()) {
        let primaries = nodes.primaries();
        let looks = join_all(primaries.iter().map(|node| look(&nodes, node))).await;
        let refused = looks.into_iter().filter_map(Result::err).any(|error| error.kind() == ErrorKind::Refused);
        drop((nodes, primaries));
        sleep(if refused { PAUSE_OF_REFUSED } else { PAUSE }).await;
    }
}

async fn look(nodes: &Shared, node: &Node) -> Result<()> {
    let late = |_| Err(Error::new(ErrorKind::Timeout, "no sign of life"));
    match timeout(ANSWER, ask(node)).await.unwrap_or_else(late) {
        Ok(restarted) => {
            if restarted {
                tracing::debug!(address = node.address, "a primary was started again");
                nodes.count_restart();
            }
            Ok(())
        }
        Err(error) => {
            nodes.doubt();
            Err(error)
        }
    }
}

/// Whether it may be another process than at the last look.
async fn ask(node: &Node) -> Result<bool> {
    let mut exchange = node.connection.begin().await?;
    let connection = exchange.serial();
    let is_known = node.life.is_known_by(connection);
    let question = if is_known { cmd("PING") } else { cmd("INFO").arg("server").take() };
    let answer = exchange.connection.send_packed_command(&question).await;
    exchange.ended(answer.as_ref().err());
    let answer = answer.map_err(translate)?;
    Ok(!is_known && node.life.note(Seen { connection, process: run_id(&answer) }))
}

/// The name that a server gives to each of its runs.
fn run_id(answer: &Value) -> Option<String> {
    let text: String = from_redis_value_ref(answer).ok()?;
    text.lines().find_map(|line| line.strip_prefix("run_id:")).map(|id| id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_process_is_told_by_its_name_and_without_one_by_its_connection() {
        let life = Life::default();
        for (connection, process, is_other) in [
            (1, Some("a"), false),
            (2, Some("a"), false),
            (3, Some("b"), true),
            (3, None, false),
            (4, None, true),
            (5, Some("b"), true),
            (6, Some("b"), false),
        ] {
            let seen = Seen { connection, process: process.map(str::to_owned) };
            assert_eq!(life.note(seen), is_other, "{connection} {process:?}");
            assert!(life.is_known_by(connection) && !life.is_known_by(connection + 1));
        }
    }

    #[test]
    fn the_name_of_a_run_is_a_line_of_what_a_server_says_of_itself() {
        let said = |text: &str| run_id(&Value::BulkString(text.as_bytes().to_vec()));
        assert_eq!(said("# Server\r\nredis_version:7.0.15\r\nrun_id:0a1b\r\ntcp_port:1\r\n"), Some("0a1b".to_owned()));
        assert_eq!(said("# Server\r\n"), None);
        assert_eq!(run_id(&Value::Nil), None);
    }
}
