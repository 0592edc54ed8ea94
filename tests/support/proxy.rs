//! A TCP proxy in front of a server, to break connections in ways a server itself cannot.

mod link;

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// What the proxy does with connections. A change acts at once on new ones, and on open ones with their next bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Bytes pass, both ways.
    Pass,
    /// Replies come this much later; their order and throughput stay.
    Latency(Duration),
    /// The same, but what a server says unasked (RESP3 pushes, as the messages of a channel) comes at once.
    SlowReplies(Duration),
    /// Connections are accepted, and bytes of both ways vanish. One that has lost bytes stays silent in every later mode,
    /// until it is closed: no TCP stream goes on after a hole.
    BlackHole,
    /// New connections are reset as soon as they are accepted; open ones pass. [`Proxy::down`] closes those too.
    Refuse,
    /// So many bytes of replies pass on each connection, counted from this change or from the connection's begin; then it is closed.
    CutAfter(usize),
    /// One bit of one byte of the replies is flipped on each connection, once: the byte is counted as with [`Mode::CutAfter`].
    Flip {
        /// Which byte; the first one is 0.
        byte: usize,
        /// Which of its bits, 0 to 7.
        bit: u8,
    },
    /// Replies come in pieces of so many bytes, each by itself.
    Slice(usize),
    /// On each connection these bytes come before the next reply, once.
    Inject(&'static [u8]),
    /// On each connection the next reply comes twice, once.
    Duplicate,
}

/// Some of the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those on which `SUBSCRIBE` was sent, from then on.
    Bus,
    /// All others.
    Others,
}

/// The modes of both kinds of connections.
#[derive(Clone, Copy, Debug)]
struct Modes {
    bus: Mode,
    others: Mode,
}

impl Modes {
    fn of(self, which: Which) -> Mode {
        match which {
            Which::Bus => self.bus,
            Which::Others => self.others,
        }
    }
}

/// A proxy on a free loopback port. It has a thread and a clock of its own, so that a paused tokio clock does not touch it;
/// dropping it closes everything.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    modes: watch::Sender<Modes>,
    links: Arc<Links>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Proxy {
    /// Starts a proxy that passes everything to `upstream` on the loopback address. The server may come later.
    pub async fn start(upstream: u16) -> Self {
        let (modes, watched) = watch::channel(Modes { bus: Mode::Pass, others: Mode::Pass });
        let (stop, stopped) = oneshot::channel();
        let (ready, bound) = oneshot::channel();
        let links = Arc::new(Links::default());
        let accepting = Arc::clone(&links);
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
            runtime.block_on(async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("some loopback port is free");
                let port = listener.local_addr().expect("a bound socket has an address").port();
                let _ = ready.send(port);
                tokio::select! {
                    () = accepting.accept(listener, upstream, watched) => {}
                    _ = stopped => {}
                }
            });
        });
        let port = bound.await.expect("the proxy's thread lives until it is dropped");
        Self { port, modes, links, stop: Some(stop), thread: Some(thread) }
    }

    /// `redis://127.0.0.1:port`, for the client under test.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The proxy's own port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes the mode of all connections.
    pub fn set(&self, mode: Mode) {
        self.modes.send_replace(Modes { bus: mode, others: mode });
    }

    /// Changes the mode of some connections, and leaves the others as they are. A new connection is one of the others.
    pub fn set_for(&self, which: Which, mode: Mode) {
        self.modes.send_modify(|modes| match which {
            Which::Bus => modes.bus = mode,
            Which::Others => modes.others = mode,
        });
    }

    /// Shorthand for [`Mode::Pass`].
    pub fn pass(&self) {
        self.set(Mode::Pass);
    }

    /// Shorthand for [`Mode::Latency`].
    pub fn latency(&self, delay: Duration) {
        self.set(Mode::Latency(delay));
    }

    /// Shorthand for [`Mode::SlowReplies`].
    pub fn slow_replies(&self, delay: Duration) {
        self.set(Mode::SlowReplies(delay));
    }

    /// Shorthand for [`Mode::BlackHole`].
    pub fn black_hole(&self) {
        self.set(Mode::BlackHole);
    }

    /// Shorthand for [`Mode::Refuse`].
    pub fn refuse(&self) {
        self.set(Mode::Refuse);
    }

    /// Shorthand for [`Mode::CutAfter`].
    pub fn cut_after(&self, bytes: usize) {
        self.set(Mode::CutAfter(bytes));
    }

    /// Closes every connection; when this returns, they are closed.
    pub async fn cut_all(&self) {
        for link in self.links.take() {
            link.abort();
            // An error is the abort itself.
            let _ = link.await;
        }
    }

    /// The server as good as gone: open connections are closed, new ones refused.
    pub async fn down(&self) {
        self.refuse();
        self.cut_all().await;
    }

    /// The connections accepted so far, refused ones included: what the client under test has tried.
    pub fn accepted(&self) -> usize {
        self.links.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the proxy's thread has been printed; a second one here would hide the test's own.
            let _ = thread.join();
        }
    }
}

/// The open connections.
#[derive(Debug, Default)]
struct Links {
    open: Mutex<Vec<JoinHandle<()>>>,
    accepted: AtomicUsize,
}

impl Links {
    async fn accept(&self, listener: TcpListener, upstream: u16, modes: watch::Receiver<Modes>) {
        loop {
            let (client, _) = listener.accept().await.expect("a listening socket accepts");
            self.accepted.fetch_add(1, Ordering::SeqCst);
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.retain(|link| !link.is_finished());
            open.push(tokio::spawn(link::serve(client, upstream, modes.clone())));
        }
    }

    fn take(&self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
