//! News between instances: a capped stream is the log, a channel the bus.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ProtocolVersion, PushInfo, PushKind, Value, cmd};
use tokio::sync::Notify;

use super::Redis;
use super::errors::translate;
use super::store::RedisStore;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Hear, Joined, Op, Shared, Stamps, Tell};

/// About how many entries the log keeps: more than a reader reads before it gives up and begins anew.
pub(super) const LOG_LENGTH: usize = 20_000;
/// The field of an entry.
const MESSAGE: &str = "m";
/// How often the bus's connection is asked whether it is alive, and how long it may take to answer.
const PING: Duration = Duration::from_secs(1);

impl Shared for RedisStore {
    fn invalidate<'a>(&'a self, keys: &'a [String], stamps: &'a Stamps, tell: &'a Tell) -> Op<'a, String> {
        Box::pin(async move {
            let mut call = self.scripts.invalidate.key(&tell.log);
            call.key(&*stamps.hash);
            for key in keys.iter().chain(&*stamps.tags) {
                call.key(key);
            }
            call.arg(&tell.channel).arg(&tell.message).arg(LOG_LENGTH);
            for field in &*stamps.fields {
                call.arg(field);
            }
            self.script(&call).await
        })
    }

    fn append<'a>(&'a self, log: &'a str, message: Vec<u8>) -> Op<'a, String> {
        Box::pin(async move {
            let mut command = cmd("XADD");
            command.arg(log).arg("MAXLEN").arg("~").arg(LOG_LENGTH).arg("*").arg(MESSAGE).arg(message);
            self.one(&command).await
        })
    }

    fn read_log<'a>(&'a self, log: &'a str, from: &'a str, count: usize) -> Op<'a, Vec<(String, Vec<u8>)>> {
        Box::pin(async move {
            let mut command = cmd("XRANGE");
            command.arg(log).arg(from).arg("+").arg("COUNT").arg(count);
            let entries: Vec<(String, Vec<Vec<u8>>)> = self.one(&command).await?;
            // An entry is a list of fields and values; ours has one of each.
            Ok(entries.into_iter().map(|(id, mut fields)| (id, fields.pop().unwrap_or_default())).collect())
        })
    }

    fn trimmed_to<'a>(&'a self, log: &'a str) -> Op<'a, Option<String>> {
        Box::pin(async move {
            if self.one::<usize>(cmd("XLEN").arg(log)).await? < LOG_LENGTH {
                return Ok(None);
            }
            let first: Vec<(String, Vec<Vec<u8>>)> =
                self.one(cmd("XRANGE").arg(log).arg("-").arg("+").arg("COUNT").arg(1)).await?;
            Ok(first.into_iter().next().map(|(id, _)| id))
        })
    }

    fn publish<'a>(&'a self, channel: &'a str, message: Vec<u8>) -> Op<'a, ()> {
        Box::pin(async move { self.one::<u64>(cmd("PUBLISH").arg(channel).arg(message)).await.map(drop) })
    }

    fn listen<'a>(&'a self, channel: &'a str, hear: Hear, joined: Joined) -> Op<'a, ()> {
        Box::pin(async move {
            let lost = Arc::new(Notify::new());
            let mut connection = tokio::time::timeout(self.bus.timeout, self.bus.connect(hear, Arc::clone(&lost)))
                .await
                .unwrap_or_else(|_| Err(no_answer()))?;
            answered(connection.subscribe(channel)).await?;
            joined();
            loop {
                match tokio::time::timeout(PING, lost.notified()).await {
                    Ok(()) => return Ok(()),
                    Err(_) => answered(cmd("PING").exec_async(&mut connection)).await?,
                }
            }
        })
    }
}

/// The bus's own connection: no other command runs on it, and its messages are heard where they are read, in their order.
pub(super) struct Bus {
    client: Client,
    timeout: Duration,
}

impl Bus {
    pub(super) fn new(redis: &Redis) -> Result<Self> {
        let info = redis.info().clone();
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(settings)).map_err(translate)?;
        Ok(Self { client, timeout: redis.connect_timeout })
    }

    async fn connect(&self, hear: Hear, lost: Arc<Notify>) -> Result<MultiplexedConnection> {
        let push = move |push: PushInfo| {
            match (push.kind, push.data.as_slice()) {
                (PushKind::Message, [_, Value::BulkString(message)]) => hear(message),
                (PushKind::Disconnection, _) => lost.notify_one(),
                _ => {}
            }
            Ok::<(), std::convert::Infallible>(())
        };
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let config = config.set_push_sender(push);
        self.client.get_multiplexed_async_connection_with_config(&config).await.map_err(translate)
    }
}

async fn answered<T>(asked: impl Future<Output = redis::RedisResult<T>>) -> Result<T> {
    tokio::time::timeout(PING, asked).await.map_or_else(|_| Err(no_answer()), |answer| answer.map_err(translate))
}

fn no_answer() -> Error {
    Error::new(ErrorKind::Timeout, "the bus does not answer")
}
