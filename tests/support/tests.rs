//! The support code keeps its own promises.

use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use tiercache_tests::{Calls, Mode, Proxy, RedisServer, Which, eventually, unique_namespace};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SOON: Duration = Duration::from_secs(10);
/// Long enough for a reply that is on its way, short enough to wait for one that never comes.
const SILENCE: Duration = Duration::from_millis(200);

const PONG: &str = "+PONG\r\n";
/// Received at the end of a connection, or at its reset.
const CLOSED: &str = "";
/// Received when nothing comes.
const SILENT: &str = "(silence)";

async fn get(connection: &mut MultiplexedConnection, key: &str) -> Option<String> {
    redis::cmd("GET").arg(key).query_async(connection).await.expect("the server answers")
}

async fn set(connection: &mut MultiplexedConnection, key: &str, value: &str) {
    redis::cmd("SET").arg(key).arg(value).exec_async(connection).await.expect("the server answers");
}

fn accepts(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Whether a new connection is reset at once, be it before the client knows that it is open.
async fn turns_away(port: u16) -> bool {
    match tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        Ok(stream) => Raw(stream).receive(SOON).await == CLOSED,
        Err(_) => true,
    }
}

/// A client of bytes: what a proxy does to them is seen without a Redis client's own recovery.
struct Raw(tokio::net::TcpStream);

impl Raw {
    async fn connect(port: u16) -> Self {
        Self(tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("the port accepts"))
    }

    async fn send(&mut self, command: &str) {
        self.0.write_all(format!("{command}\r\n").as_bytes()).await.expect("the connection takes bytes");
    }

    /// The next bytes, [`CLOSED`] or [`SILENT`].
    async fn receive(&mut self, within: Duration) -> String {
        let mut bytes = [0; 4096];
        match tokio::time::timeout(within, self.0.read(&mut bytes)).await {
            Ok(read) => String::from_utf8_lossy(&bytes[..read.unwrap_or(0)]).into_owned(),
            Err(_) => SILENT.to_owned(),
        }
    }

    async fn ping(&mut self) -> String {
        self.send("PING").await;
        self.receive(SILENCE).await
    }
}

#[tokio::test]
async fn a_started_server_answers_and_starts_empty() {
    let server = RedisServer::start().await;
    let mut connection = server.connection().await;
    assert_eq!(get(&mut connection, "a").await, None);
    set(&mut connection, "a", "1").await;
    assert_eq!(get(&mut connection, "a").await.as_deref(), Some("1"));
    server.flush().await;
    assert_eq!(get(&mut connection, "a").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_started_at_once_are_different_ones() {
    let servers = futures_util::future::join_all((0..8).map(|_| RedisServer::start())).await;
    for (number, server) in servers.iter().enumerate() {
        set(&mut server.connection().await, "me", &number.to_string()).await;
    }
    for (number, server) in servers.iter().enumerate() {
        assert_eq!(get(&mut server.connection().await, "me").await, Some(number.to_string()));
    }
}

#[tokio::test]
async fn a_server_takes_more_arguments_and_keeps_them_over_a_restart() {
    let mut server = RedisServer::start_with(&["--requirepass", "secret"]).await;
    for _ in 0..2 {
        let refused = Raw::connect(server.port()).await.ping().await;
        assert!(refused.starts_with("-NOAUTH"), "{refused}");
        server.restart().await;
    }
}

#[tokio::test]
async fn a_stopped_server_refuses_and_comes_back_empty_on_its_port() {
    let mut server = RedisServer::start().await;
    let port = server.port();
    set(&mut server.connection().await, "a", "1").await;
    server.stop().await;
    assert!(!accepts(port));
    server.restart().await;
    assert_eq!(server.port(), port);
    assert_eq!(get(&mut server.connection().await, "a").await, None);
    server.kill().await;
    assert!(!accepts(port));
}

#[tokio::test]
async fn a_paused_server_is_silent_and_answers_when_resumed() {
    let server = RedisServer::start().await;
    let mut raw = Raw::connect(server.port()).await;
    assert_eq!(raw.ping().await, PONG);
    server.pause();
    assert_eq!(raw.ping().await, SILENT);
    server.resume();
    assert_eq!(raw.receive(SOON).await, PONG);
}

#[tokio::test]
async fn a_paused_server_ends_in_order() {
    let mut server = RedisServer::start().await;
    server.pause();
    let begun = Instant::now();
    server.stop().await;
    assert!(!accepts(server.port()));
    assert!(begun.elapsed() < Duration::from_secs(4), "it was ended by force, after {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_server_ends_with_the_panic_of_its_test() {
    let (tell, port) = tokio::sync::oneshot::channel();
    let test = tokio::spawn(async move {
        let server = RedisServer::start().await;
        server.pause();
        tell.send(server.port()).expect("somebody listens");
        panic!("on purpose");
    });
    let port = port.await.expect("the server started");
    assert!(test.await.is_err());
    assert!(!accepts(port));
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_stands_still_while_servers_start() {
    let begun = tokio::time::Instant::now();
    let mut server = RedisServer::start().await;
    server.restart().await;
    let calls = Calls::new();
    eventually(|| async { calls.hit() == 3 }, SOON).await;
    assert_eq!(get(&mut server.connection().await, "a").await, None);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

/// This test's own program, run again without a server on its PATH: what a person without Redis sees.
#[test]
fn a_missing_server_is_a_failure_that_names_the_cure() {
    let program = std::env::current_exe().expect("a test knows its program");
    let empty = tempfile::tempdir().expect("the temporary directory is writable");
    let run = Command::new(program)
        .args(["--exact", "a_started_server_answers_and_starts_empty", "--nocapture"])
        .env("PATH", empty.path())
        .output()
        .expect("this program can be run again");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(!run.status.success());
    assert!(said.contains("install redis-server, or run cargo xtask test"), "{said}");
}

#[tokio::test]
async fn a_proxy_passes_what_a_client_and_a_server_say() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let client = redis::Client::open(proxy.url()).expect("a valid url");
    let mut connection = client.get_multiplexed_async_connection().await.expect("the proxy passes");
    let long = "x".repeat(1_000_000);
    set(&mut connection, "long", &long).await;
    assert_eq!(get(&mut connection, "long").await, Some(long));
    assert_eq!(proxy.accepted(), 1);
}

#[tokio::test]
async fn latency_delays_replies_but_not_one_after_the_other() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let mut raw = Raw::connect(proxy.port()).await;
    let delay = Duration::from_secs(1);
    proxy.latency(delay);
    let begun = Instant::now();
    let mut received = String::new();
    for _ in 0..4 {
        raw.send("PING").await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    while received.len() < 4 * PONG.len() {
        received += &raw.receive(SOON).await;
    }
    let took = begun.elapsed();
    assert!((delay..4 * delay).contains(&took), "{took:?}");
    proxy.pass();
    assert_eq!(raw.ping().await, PONG);
}

#[tokio::test]
async fn a_black_hole_swallows_and_what_fell_in_never_speaks_again() {
    let mut server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let mut fallen = Raw::connect(proxy.port()).await;
    let mut idle = Raw::connect(proxy.port()).await;
    assert_eq!(fallen.ping().await, PONG);
    assert_eq!(idle.ping().await, PONG);
    proxy.black_hole();
    let mut late = Raw::connect(proxy.port()).await;
    assert_eq!(fallen.ping().await, SILENT);
    assert_eq!(late.ping().await, SILENT);
    proxy.pass();
    assert_eq!(fallen.ping().await, SILENT);
    assert_eq!(late.ping().await, SILENT);
    assert_eq!(idle.ping().await, PONG);
    assert_eq!(Raw::connect(proxy.port()).await.ping().await, PONG);
    // Nor does the end of the server come through.
    proxy.black_hole();
    server.stop().await;
    assert_eq!(idle.ping().await, SILENT);
}

#[tokio::test]
async fn a_reply_that_was_on_its_way_does_not_come_out_of_a_black_hole() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let mut raw = Raw::connect(proxy.port()).await;
    assert_eq!(raw.ping().await, PONG);
    server.pause();
    assert_eq!(raw.ping().await, SILENT);
    proxy.black_hole();
    assert_eq!(raw.ping().await, SILENT);
    proxy.pass();
    server.resume();
    assert_eq!(raw.receive(SILENCE).await, SILENT);
}

#[tokio::test]
async fn refusing_closes_new_connections_and_leaves_open_ones() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let mut open = Raw::connect(proxy.port()).await;
    assert_eq!(open.ping().await, PONG);
    proxy.refuse();
    assert!(turns_away(proxy.port()).await);
    assert_eq!(open.ping().await, PONG);
    proxy.down().await;
    assert_eq!(open.receive(SOON).await, CLOSED);
    assert_eq!(proxy.accepted(), 2);
}

#[tokio::test]
async fn a_reply_is_cut_after_exactly_so_many_bytes() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    for bytes in 0..=PONG.len() {
        proxy.pass();
        let mut raw = Raw::connect(proxy.port()).await;
        assert_eq!(raw.ping().await, PONG);
        proxy.cut_after(bytes);
        raw.send("PING").await;
        if bytes > 0 {
            assert_eq!(raw.receive(SOON).await, PONG[..bytes]);
        }
        assert_eq!(raw.receive(SOON).await, CLOSED);
    }
}

#[tokio::test]
async fn a_connection_made_while_cutting_is_cut_as_well() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    proxy.set(Mode::CutAfter(3));
    let mut raw = Raw::connect(proxy.port()).await;
    assert_eq!(raw.ping().await, "+PO");
    assert_eq!(raw.receive(SOON).await, CLOSED);
}

#[tokio::test]
async fn a_reply_is_flipped_doubled_or_led_by_other_bytes_once() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let mut raw = Raw::connect(proxy.port()).await;
    for (mode, damaged) in [
        (Mode::Flip { byte: 1, bit: 0 }, "+QONG\r\n"),
        (Mode::Inject(b":1\r\n"), ":1\r\n+PONG\r\n"),
        (Mode::Duplicate, "+PONG\r\n+PONG\r\n"),
    ] {
        assert_eq!(raw.ping().await, PONG);
        proxy.set(mode);
        assert_eq!(raw.ping().await, damaged);
        assert_eq!(raw.ping().await, PONG, "{mode:?}");
    }
}

#[tokio::test]
async fn a_sliced_reply_comes_in_pieces() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    proxy.set(Mode::Slice(3));
    let mut raw = Raw::connect(proxy.port()).await;
    let mut whole = raw.ping().await;
    assert_eq!(whole, "+PO", "the first piece by itself");
    while whole.len() < PONG.len() {
        whole += &raw.receive(SOON).await;
    }
    assert_eq!(whole, PONG);
}

#[tokio::test]
async fn the_connection_of_the_bus_is_treated_apart() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let (mut bus, mut other) = (Raw::connect(proxy.port()).await, Raw::connect(proxy.port()).await);
    bus.send("SUBSCRIBE news").await;
    assert!(bus.receive(SOON).await.contains("subscribe"));
    proxy.set_for(Which::Bus, Mode::BlackHole);
    assert_eq!(other.ping().await, PONG);
    bus.send("PING").await;
    assert_eq!(bus.receive(SILENCE).await, SILENT);
    proxy.set_for(Which::Others, Mode::BlackHole);
    other.send("PING").await;
    assert_eq!(other.receive(SILENCE).await, SILENT);
}

#[tokio::test]
async fn cutting_all_closes_every_connection_and_new_ones_pass() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let mut raw = [Raw::connect(proxy.port()).await, Raw::connect(proxy.port()).await];
    for open in &mut raw {
        assert_eq!(open.ping().await, PONG);
    }
    proxy.cut_all().await;
    for closed in &mut raw {
        assert_eq!(closed.receive(SOON).await, CLOSED);
    }
    assert_eq!(Raw::connect(proxy.port()).await.ping().await, PONG);
}

#[tokio::test]
async fn a_proxy_closes_with_its_server_and_with_its_owner() {
    let mut server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let mut raw = Raw::connect(proxy.port()).await;
    assert_eq!(raw.ping().await, PONG);
    server.stop().await;
    assert_eq!(raw.receive(SOON).await, CLOSED);
    assert!(turns_away(proxy.port()).await);
    let port = proxy.port();
    drop(proxy);
    // A child that another test forks just now holds a copy of our socket until its exec.
    eventually(|| async { !accepts(port) }, SOON).await;
}

#[test]
fn clones_of_a_counter_count_together() {
    let calls = Calls::new();
    assert_eq!(calls.clone().hit(), 1);
    assert_eq!(calls.hit(), 2);
    assert_eq!(calls.get(), 2);
}

#[test]
fn namespaces_are_never_the_same_and_one_segment() {
    let (one, other) = (unique_namespace(), unique_namespace());
    assert_ne!(one, other);
    assert!(one.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{one}");
}

#[tokio::test]
async fn eventually_waits_for_the_condition() {
    let calls = Calls::new();
    eventually(|| async { calls.hit() == 3 }, SOON).await;
    assert_eq!(calls.get(), 3);
}

#[tokio::test]
#[should_panic(expected = "did not come true within 20ms")]
async fn eventually_gives_up_at_the_limit() {
    eventually(|| async { false }, Duration::from_millis(20)).await;
}
