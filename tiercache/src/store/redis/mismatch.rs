//! Why a server with which no connection comes about cannot be used as the URL says: it speaks without TLS, or only by TLS, or one of
//! the two sides does not trust the other. Only a person can help, so it is worth a look; else it seems to be down.

use std::error::Error as _;
use std::time::Duration;

use redis::ConnectionAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::error::{Error, ErrorKind};

/// How long the look may take: a server that answers at all answers at once.
const LOOK: Duration = Duration::from_millis(300);

/// What a server without TLS answers with `+PONG`, or with an error if it asks for a password.
const PING: &[u8] = b"PING\r\n";
/// What a server with TLS answers with an alert: a `ClientHello` (RFC 8446, section 4) that ends before it has begun.
const HELLO: &[u8] = &[22, 3, 1, 0, 4, 1, 0, 0, 0];
/// The record of an alert.
const ALERT: u8 = 21;

/// The error of a connection that did not come about; `Refused`, with the cure, if that is a matter of TLS. It looks at the server
/// itself, without any login.
pub(super) async fn explain(address: &ConnectionAddr, error: Error) -> Error {
    if !matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Protocol) {
        return error;
    }
    match distrust(&error) {
        Some(cure) => refused(cure, error),
        None => match of_tls(address, &error).await {
            Some(cure) => refused(cure, error),
            None => error,
        },
    }
}

fn refused(cure: &str, error: Error) -> Error {
    Error::new(ErrorKind::Refused, cure).with_source(error)
}

/// One side does not trust the other, as rustls puts it: redis-rs passes on its text.
fn distrust(error: &Error) -> Option<&'static str> {
    let text = error.source()?.to_string();
    if text.contains("invalid peer certificate") {
        return Some(
            "the certificate of Redis is not trusted, or is for another name: give the authority that signed it as \
             `root_certificate`, and write the name in it into the URL",
        );
    }
    let asks = text.contains("received fatal alert") && text.to_ascii_lowercase().contains("certificate");
    asks.then_some("Redis does not trust us: give it a certificate that it knows, as `client_certificate`")
}

/// The URL says TLS and the server does not speak it, or the other way round.
async fn of_tls(address: &ConnectionAddr, error: &Error) -> Option<&'static str> {
    match address {
        ConnectionAddr::TcpTls { host, port, .. } => {
            let plain = matches!(first_byte(host, *port, PING).await?, b'+' | b'-');
            plain.then_some(
                "Redis speaks without TLS here: write redis:// instead of rediss://, or give the port of TLS",
            )
        }
        // One that is silent is no such server: that closes the connection.
        ConnectionAddr::Tcp(host, port) if error.source().is_some() => {
            let alert = first_byte(host, *port, HELLO).await? == ALERT;
            alert.then_some("Redis speaks only by TLS here: write rediss:// instead of redis:// (feature `tls-rustls`)")
        }
        _ => None,
    }
}

/// What a server says first when asked this.
async fn first_byte(host: &str, port: u16, question: &[u8]) -> Option<u8> {
    let asking = async {
        let mut stream = TcpStream::connect((host, port)).await.ok()?;
        stream.write_all(question).await.ok()?;
        stream.read_u8().await.ok()
    };
    timeout(LOOK, asking).await.ok().flatten()
}
