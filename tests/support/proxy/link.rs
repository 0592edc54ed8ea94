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

use super::{Mode, Modes, Which};

const CHUNK: usize = 16 * 1024;
/// What a push begins with in RESP3.
const PUSH: &[u8] = b">";
/// What makes a connection one of the bus.
const SUBSCRIBE: &[u8] = b"SUBSCRIBE";
/// Between two pieces of a sliced reply, so that they are not read as one.
const BETWEEN: Duration = Duration::from_micros(100);
/// Delayed chunks a link holds before it stops reading from the server.
const QUEUE: usize = 1024;

/// Serves one accepted connection until either side closes it or the mode cuts it.
pub(super) async fn serve(client: TcpStream, upstream: u16, mut modes: watch::Receiver<Modes>) {
    let mode = modes.borrow_and_update().of(Which::Others);
    match mode {
        Mode::Refuse => reset(&client),
        Mode::BlackHole => swallow(client).await,
        _ => match TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).await {
            Ok(server) => pump(client, server, Replies { modes, mode, passed: 0, done: false }).await,
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
    let state = State::default();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (queue, queued) = mpsc::channel(QUEUE);
    // Errors are the end of a connection, as an end of its stream is; the other side sees it closed.
    tokio::select! {
        _ = send_requests(from_client, to_server, &modes, &state) => {}
        _ = async { tokio::join!(read_replies(from_server, queue, replies, &state), deliver(queued, to_client)) } => {}
    }
}

async fn send_requests(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    modes: &watch::Receiver<Modes>,
    state: &State,
) -> io::Result<()> {
    let mut bytes = vec![0; CHUNK];
    loop {
        let read = client.read(&mut bytes).await?;
        if read == 0 {
            return Ok(());
        }
        if bytes[..read].windows(SUBSCRIBE.len()).any(|window| window == SUBSCRIBE) {
            state.bus.store(true, Ordering::Relaxed);
        }
        if modes.borrow().of(state.which()) == Mode::BlackHole {
            state.holed.store(true, Ordering::Relaxed);
        }
        if !state.holed.load(Ordering::Relaxed) {
            server.write_all(&bytes[..read]).await?;
        }
    }
}

/// Reads until the server closes or the mode cuts; a link with a hole stays open and silent for good.
async fn read_replies(mut server: OwnedReadHalf, queue: mpsc::Sender<Delayed>, mut replies: Replies, state: &State) {
    loop {
        let mut bytes = vec![0; CHUNK];
        let read = server.read(&mut bytes).await.unwrap_or(0);
        bytes.truncate(read);
        let holed = &state.holed;
        let (delay, cut) = match replies.judge(state.which(), &mut bytes) {
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
        let delivered = queue.send(Delayed { due: Instant::now() + delay, piece: replies.piece(), bytes }).await;
        if delivered.is_err() || cut || read == 0 {
            return;
        }
    }
}

async fn deliver(mut queued: mpsc::Receiver<Delayed>, mut client: OwnedWriteHalf) {
    while let Some(Delayed { due, piece, bytes }) = queued.recv().await {
        tokio::time::sleep_until(due).await;
        for (nth, piece) in bytes.chunks(piece).enumerate() {
            if nth > 0 {
                tokio::time::sleep(BETWEEN).await;
            }
            if client.write_all(piece).await.is_err() {
                return;
            }
        }
    }
}

/// What both ways of a connection know of it.
#[derive(Default)]
struct State {
    /// It has lost bytes.
    holed: AtomicBool,
    bus: AtomicBool,
}

impl State {
    fn which(&self) -> Which {
        if self.bus.load(Ordering::Relaxed) { Which::Bus } else { Which::Others }
    }
}

struct Delayed {
    due: Instant,
    /// How many bytes are written at once.
    piece: usize,
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
    modes: watch::Receiver<Modes>,
    mode: Mode,
    passed: usize,
    /// What happens once has happened.
    done: bool,
}

impl Replies {
    fn judge(&mut self, which: Which, reply: &mut Vec<u8>) -> Fate {
        let changed = self.modes.has_changed().unwrap_or(false);
        let mode = self.modes.borrow_and_update().of(which);
        if changed || mode != self.mode {
            (self.mode, self.passed, self.done) = (mode, 0, false);
        }
        let bytes = reply.len();
        self.damage(reply);
        self.passed += bytes;
        match self.mode {
            Mode::SlowReplies(_) if reply.starts_with(PUSH) => Fate::Pass(Duration::ZERO),
            Mode::Latency(delay) | Mode::SlowReplies(delay) => Fate::Pass(delay),
            Mode::BlackHole => Fate::Vanish,
            Mode::CutAfter(limit) if self.passed >= limit => Fate::Cut(bytes - (self.passed - limit)),
            _ => Fate::Pass(Duration::ZERO),
        }
    }

    /// Changes the bytes of a reply where the mode says so, once.
    fn damage(&mut self, reply: &mut Vec<u8>) {
        if self.done || reply.is_empty() {
            return;
        }
        self.done = true;
        match self.mode {
            Mode::Flip { byte, bit } => match byte.checked_sub(self.passed).and_then(|at| reply.get_mut(at)) {
                Some(byte) => *byte ^= 1 << bit,
                None => self.done = false,
            },
            Mode::Inject(bytes) => drop(reply.splice(..0, bytes.iter().copied())),
            Mode::Duplicate => reply.extend_from_within(..),
            _ => {}
        }
    }

    fn piece(&self) -> usize {
        if let Mode::Slice(bytes) = self.mode { bytes.max(1) } else { CHUNK * 2 }
    }
}
