//! Loopback ports that stay free while their server is down.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that Linux and macOS give to outgoing connections: a server that is down for a while finds its port
/// again, where one from `bind(0)` may be in use by anybody's connection.
const FIRST: u16 = 12_000;
const COUNT: u16 = 18_000;

/// A port that is free now and that this process has not handed out yet.
///
/// Another process can still take it first; whoever listens on it must be ready to ask for another.
pub(crate) fn free() -> u16 {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    let next = NEXT.get_or_init(|| AtomicU16::new(fastrand::u16(..COUNT)));
    (0..COUNT)
        .map(|_| FIRST + next.fetch_add(1, Ordering::Relaxed) % COUNT)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("some loopback port is free")
}
