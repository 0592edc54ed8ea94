//! What a connection is dialled to.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, ProtocolVersion};

use super::errors::translate_first;
use crate::error::{Error, Result};

#[derive(Clone)]
pub(super) enum Server {
    /// Always the same one.
    At(Box<Client>),
    /// The primary that the sentinels name.
    #[cfg(feature = "sentinel")]
    Primary(std::sync::Arc<super::sentinel::Sentinels>),
}

/// A connection, and which server it leads to.
pub(super) struct Dialled {
    pub(super) connection: MultiplexedConnection,
    pub(super) address: String,
}

impl Server {
    /// # Errors
    ///
    /// `ErrorKind::Config` if the settings cannot be used.
    pub(super) fn at(info: ConnectionInfo) -> Result<Self> {
        Client::open(info).map(|client| Self::At(Box::new(client))).map_err(super::bad_url)
    }

    /// The same, spoken to in RESP3: messages come without being asked for.
    pub(super) fn with_pushes(&self) -> Result<Self> {
        match self {
            Self::At(client) => Self::at(pushing(client.get_connection_info().clone())),
            #[cfg(feature = "sentinel")]
            Self::Primary(sentinels) => Ok(Self::Primary(sentinels.with_pushes().into())),
        }
    }

    pub(super) async fn connect(&self, config: &AsyncConnectionConfig) -> Result<Dialled> {
        match self {
            Self::At(client) => {
                let connection = client.get_multiplexed_async_connection_with_config(config).await;
                let address = client.get_connection_info().addr().to_string();
                connection.map(|connection| Dialled { connection, address }).map_err(translate_first)
            }
            #[cfg(feature = "sentinel")]
            Self::Primary(sentinels) => sentinels.connect(config).await,
        }
    }

    /// What a connection that did not come about failed of, if there is more to be found out.
    pub(super) async fn explain(&self, error: Error) -> Error {
        match self {
            Self::At(client) => super::mismatch::explain(client.get_connection_info().addr(), error).await,
            #[cfg(feature = "sentinel")]
            Self::Primary(_) => error,
        }
    }

    /// Whether another server may take its place.
    pub(super) fn moves(&self) -> bool {
        !matches!(self, Self::At(_))
    }
}

/// Timeouts are ours: around connecting in `connection`, around each operation in `guard`.
pub(super) fn untimed() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None)
}

pub(super) fn pushing(info: ConnectionInfo) -> ConnectionInfo {
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    info.set_redis_settings(settings)
}

/// `host:port`, reached as `like` is: by TLS or not, with its certificates.
#[cfg(any(feature = "cluster", feature = "sentinel"))]
pub(super) fn moved(like: &redis::ConnectionAddr, address: &str) -> Option<redis::ConnectionAddr> {
    use redis::ConnectionAddr::{Tcp, TcpTls};
    let (host, port) = address.rsplit_once(':')?;
    let (host, port) = (host.trim_matches(['[', ']']).to_owned(), port.parse().ok()?);
    Some(match like.clone() {
        TcpTls { insecure, tls_params, .. } => TcpTls { host, port, insecure, tls_params },
        _ => Tcp(host, port),
    })
}
