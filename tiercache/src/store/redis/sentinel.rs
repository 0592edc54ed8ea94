//! Sentinel: who is the primary is asked before each connection, and again while it is in use.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, RedisResult, Value, cmd};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::Redis;
use super::errors::translate_first;
use super::server::{Dialled, Server, pushing, untimed};
use super::target::list;
use crate::error::{Error, ErrorKind, Result};

/// How long a sentinel may take to answer at most, once it is connected: the others may know.
const ANSWER: Duration = Duration::from_millis(500);

/// Sentinels, and the primary that is asked for.
#[derive(Clone)]
pub(super) struct Group {
    pub(super) sentinels: Vec<ConnectionInfo>,
    pub(super) name: Arc<str>,
    /// How to log in to it, at whatever address it is.
    pub(super) server: ConnectionInfo,
}

impl Group {
    #[cfg(feature = "tls-rustls")]
    pub(super) fn try_map(self, change: impl Fn(ConnectionInfo) -> Result<ConnectionInfo>) -> Result<Self> {
        let sentinels = self.sentinels.into_iter().map(&change).collect::<Result<_>>()?;
        Ok(Self { sentinels, server: change(self.server)?, ..self })
    }
}

/// Without user and password.
impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by sentinel {}", self.name, list(&self.sentinels))
    }
}

impl Redis {
    /// What the sentinels themselves ask for, if they ask for anything. The login in the URL is that of the servers. Without
    /// sentinels it does nothing.
    pub fn sentinel_login(mut self, user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        if let super::target::Target::Sentinel(group) = &mut self.target {
            for sentinel in &mut group.sentinels {
                let settings = sentinel.redis_settings().clone().set_password(&password);
                let settings = if user.as_ref().is_empty() { settings } else { settings.set_username(&user) };
                *sentinel = sentinel.clone().set_redis_settings(settings);
            }
        }
        self
    }
}

/// The sentinels of one primary.
pub(super) struct Sentinels {
    group: Group,
    /// As many as there are sentinels, each connected when it is first asked.
    connections: Vec<Mutex<Option<MultiplexedConnection>>>,
    /// How long each of the two steps to a connection may take.
    step: Duration,
}

impl Sentinels {
    pub(super) fn new(group: Group, connect_timeout: Duration) -> Self {
        let connections = group.sentinels.iter().map(|_| Mutex::default()).collect();
        Self { group, connections, step: connect_timeout / 2 }
    }

    pub(super) fn with_pushes(&self) -> Self {
        let group = Group { server: pushing(self.group.server.clone()), ..self.group.clone() };
        Self::new(group, self.step * 2)
    }

    /// Connects to what most sentinels call the primary, if it calls itself one too.
    pub(super) async fn connect(&self, config: &AsyncConnectionConfig) -> Result<Dialled> {
        let address = self.primary().await.ok_or_else(|| {
            let text = format!("no sentinel of {} names a primary", self.group);
            Error::new(ErrorKind::Unavailable, text)
        })?;
        let Server::At(client) = Server::at(self.group.server.clone().set_addr(self.at(&address)?))? else {
            return Err(unknown(&address));
        };
        let connecting = async {
            let mut connection = client.get_multiplexed_async_connection_with_config(config).await?;
            let role: Vec<Value> = cmd("ROLE").query_async(&mut connection).await?;
            RedisResult::Ok((connection, role))
        };
        let (connection, role) = timeout(self.step, connecting)
            .await
            .map_err(|_| Error::new(ErrorKind::Unavailable, format!("{address}, the primary, does not answer")))?
            .map_err(translate_first)?;
        match role.first() {
            Some(Value::BulkString(role)) if role == b"master" => Ok(Dialled { connection, address }),
            _ => Err(Error::new(ErrorKind::Unavailable, format!("{address} is no primary, though a sentinel says so"))),
        }
    }

    /// The address that most of those sentinels name that answer in time.
    pub(super) async fn primary(&self) -> Option<String> {
        let mut answers: FuturesUnordered<_> = (0..self.connections.len()).map(|one| self.ask(one)).collect();
        let mut votes: HashMap<String, usize> = HashMap::new();
        while let Some(answer) = answers.next().await {
            let Some(address) = answer else { continue };
            let count = votes.entry(address.clone()).or_default();
            *count += 1;
            if *count * 2 > self.connections.len() {
                return Some(address);
            }
        }
        votes.into_iter().max_by_key(|(_, count)| *count).map(|(address, _)| address)
    }

    async fn ask(&self, one: usize) -> Option<String> {
        let mut kept = self.connections.get(one)?.lock().await;
        // Taken out of its place: what does not answer in time is not asked again.
        let connection = kept.take();
        let within = if connection.is_some() { self.step.min(ANSWER) } else { self.step };
        let asking = async {
            let mut connection = if let Some(connection) = connection {
                connection
            } else {
                let client = Client::open(self.group.sentinels[one].clone())?;
                client.get_multiplexed_async_connection_with_config(&untimed()).await?
            };
            let mut command = cmd("SENTINEL");
            command.arg("GET-MASTER-ADDR-BY-NAME").arg(&*self.group.name);
            let address: Option<(String, u16)> = command.query_async(&mut connection).await?;
            RedisResult::Ok((connection, address))
        };
        match timeout(within, asking).await.ok()? {
            Ok((connection, address)) => {
                *kept = Some(connection);
                address.map(|(host, port)| format!("{host}:{port}"))
            }
            Err(error) => {
                tracing::debug!(error = error.category(), "a sentinel does not answer");
                None
            }
        }
    }

    /// `host:port` as an address like the one the URL had, by TLS or not.
    fn at(&self, address: &str) -> Result<ConnectionAddr> {
        super::server::moved(self.group.server.addr(), address).ok_or_else(|| unknown(address))
    }
}

fn unknown(address: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("a sentinel names {address}, which is no address"))
}
