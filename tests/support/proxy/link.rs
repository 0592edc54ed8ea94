//! One connection through the proxy: requests up, replies down, each judged by the mode of the moment.

use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::Mode;

const CHUNK: usize = 16 * 1024;
/// What a push begins with in RESP3.
const PUSH: &[u8] = b">";
/// Delayed chunks a link holds before it stops reading from the server.
const QUEUE: usize = 1024;

/// Serves one accepted connection until either side closes it or the mode cuts it.
pub(super) async fn serve(client: TcpStream, upstream: u16, mut modes: watch::Receiver<Mode>) {
    let mode = *modes.borrow_and_update();
    match mode {
        Mode::Refuse => reset(&client),
        Mode::BlackHole => swallow(client).await,
        _ => match TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).await {
            Ok(server) => pump(client, server, Replies { modes, mode, passed: 0 }).await,
            Err(_) => reset(&client),
        },
    }
}

/// Makes the close that follows a reset, as of a port where nobody listens.
fn reset(client: &TcpStream) {
    client.set_zero_linger().expect("an open socket takes options");
}

async fn swallow(mut client: TcpStream) {
    let mut bytes = vec![0; CHUNK];
    while matches!(client.read(&mut bytes).await, Ok(1..)) {}
}

async fn pump(client: TcpStream, server: TcpStream, replies: Replies) {
    // Small writes go out at once, as without a proxy.
    for stream in [&client, &server] {
        stream.set_nodelay(true).expect("an open socket takes options");
    }
    let modes = replies.modes.clone();
    let holed = AtomicBool::new(false);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (queue, queued) = mpsc::channel(QUEUE);
    // Errors are the end of a connection, as an end of its stream is; the other side sees it closed.
    tokio::select! {
        _ = send_requests(from_client, to_server, &modes, &holed) => {}
        _ = async { tokio::join!(read_replies(from_server, queue, replies, &holed), deliver(queued, to_client)) } => {}
    }
}

async fn send_requests(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    modes: &watch::Receiver<Mode>,
    holed: &AtomicBool,
) -> io::Result<()> {
    let mut bytes = vec![0; CHUNK];
    loop {
        let read = client.read(&mut bytes).await?;
        if read == 0 {
            return Ok(());
        }
        if *modes.borrow() == Mode::BlackHole {
            holed.store(true, Ordering::Relaxed);
        }
        if !holed.load(Ordering::Relaxed) {
            server.write_all(&bytes[..read]).await?;
        }
    }
}

/// Reads until the server closes or the mode cuts; a link with a hole stays open and silent for good.
async fn read_replies(
    mut server: OwnedReadHalf,
    queue: mpsc::Sender<Delayed>,
    mut replies: Replies,
    holed: &AtomicBool,
) {
    loop {
        let mut bytes = vec![0; CHUNK];
        let read = server.read(&mut bytes).await.unwrap_or(0);
        bytes.truncate(read);
        let (delay, cut) = match replies.judge(&bytes) {
            Fate::Pass(delay) if !holed.load(Ordering::Relaxed) => (delay, false),
            Fate::Cut(passing) if !holed.load(Ordering::Relaxed) => {
                bytes.truncate(passing);
                (Duration::ZERO, true)
            }
            _ => {
                holed.store(true, Ordering::Relaxed);
                return std::future::pending().await;
            }
        };
        let delivered = queue.send(Delayed { due: Instant::now() + delay, bytes }).await;
        if delivered.is_err() || cut || read == 0 {
            return;
        }
    }
}

async fn deliver(mut queued: mpsc::Receiver<Delayed>, mut client: OwnedWriteHalf) {
    while let Some(Delayed { due, bytes }) = queued.recv().await {
        tokio::time::sleep_until(due).await;
        if client.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

struct Delayed {
    due: Instant,
    bytes: Vec<u8>,
}

/// What becomes of a chunk of replies.
enum Fate {
    Pass(Duration),
    Vanish,
    /// So many of its bytes pass; then the connection is closed.
    Cut(usize),
}

/// Judges the replies of one connection.
struct Replies {
    modes: watch::Receiver<Mode>,
    mode: Mode,
    passed: usize,
}

impl Replies {
    fn judge(&mut self, reply: &[u8]) -> Fate {
        let bytes = reply.len();
        if self.modes.has_changed().unwrap_or(false) {
            self.mode = *self.modes.borrow_and_update();
            self.passed = 0;
        }
        self.passed += bytes;
        match self.mode {
            Mode::SlowReplies(_) if reply.starts_with(PUSH) => Fate::Pass(Duration::ZERO),
            Mode::Latency(delay) | Mode::SlowReplies(delay) => Fate::Pass(delay),
            Mode::BlackHole => Fate::Vanish,
            Mode::CutAfter(limit) if self.passed >= limit => Fate::Cut(bytes - (self.passed - limit)),
            Mode::Pass | Mode::Refuse | Mode::CutAfter(_) => Fate::Pass(Duration::ZERO),
        }
    }
}
