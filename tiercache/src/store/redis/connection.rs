//! One connection: opened when first needed, dialled by one task at a time, replaced when it broke or fell silent.

#[cfg(feature = "sentinel")]
mod follow;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind as RedisKind, RedisError, ServerErrorKind};
use tokio::sync::watch;

use super::server::{Dialled, Server, untimed};
use crate::error::{Error, ErrorKind, Result};

/// How long a connection may leave everything unanswered before it is replaced: a half-open one never says so.
const SILENCE: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A connection that reconnects by itself. [`Connection::begin`] MUST be called on one runtime, which its dialling tasks run on.
pub(super) struct Connection {
    shared: Arc<Shared>,
}

struct Shared {
    server: Server,
    connect_timeout: Duration,
    state: Mutex<State>,
    /// Whether a task follows the primary.
    #[cfg(feature = "sentinel")]
    following: std::sync::atomic::AtomicBool,
}

enum State {
    /// None, and no attempt before this moment; with what the last one failed of.
    Down {
        retry_at: Instant,
        pause: Duration,
        reason: (ErrorKind, String),
    },
    /// A task is dialling; it tells when it is done.
    Dialling {
        done: watch::Receiver<()>,
        pause: Duration,
    },
    Up {
        connection: MultiplexedConnection,
        #[cfg_attr(not(feature = "sentinel"), allow(dead_code, reason = "one server stays where it is"))]
        address: String,
        serial: u64,
        unanswered_since: Option<Instant>,
    },
    Closed,
}

impl Connection {
    pub(super) fn new(server: Server, connect_timeout: Duration) -> Self {
        let reason = (ErrorKind::Unavailable, "not connected yet".into());
        let state = State::Down { retry_at: Instant::now(), pause: FIRST_PAUSE, reason };
        #[cfg(feature = "sentinel")]
        let following = false.into();
        let shared = Shared {
            server,
            connect_timeout,
            state: Mutex::new(state),
            #[cfg(feature = "sentinel")]
            following,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Begins an exchange if there is a connection. A handle to send on needs no runtime.
    pub(super) fn begin_now(&self) -> Option<Exchange> {
        let State::Up { connection, serial, unanswered_since, .. } = &mut *self.shared.lock() else { return None };
        unanswered_since.get_or_insert_with(Instant::now);
        let shared = Arc::clone(&self.shared);
        Some(Exchange { connection: connection.clone(), serial: *serial, shared, answered: false })
    }

    /// Begins an exchange, once there is a connection.
    pub(super) async fn begin(&self) -> Result<Exchange> {
        loop {
            if let Some(exchange) = self.begin_now() {
                return Ok(exchange);
            }
            let mut done = match &mut *self.shared.lock() {
                // Since the line above.
                State::Up { .. } => continue,
                State::Closed => return Err(Error::new(ErrorKind::Unavailable, "the connection to Redis is closed")),
                State::Dialling { done, .. } => done.clone(),
                State::Down { retry_at, reason: (kind, text), .. } if Instant::now() < *retry_at => {
                    return Err(Error::new(*kind, text.clone()));
                }
                down @ State::Down { .. } => {
                    let (tell, done) = watch::channel(());
                    let pause = match down {
                        State::Down { pause, .. } => *pause,
                        _ => FIRST_PAUSE,
                    };
                    *down = State::Dialling { done: done.clone(), pause };
                    tokio::spawn(dial(Arc::clone(&self.shared), tell));
                    #[cfg(feature = "sentinel")]
                    follow::follow(&self.shared);
                    done
                }
            };
            // The task tells by ending, whatever it ends of.
            let _ = done.changed().await;
        }
    }

    /// What it is dialled to.
    #[cfg(feature = "cluster")]
    pub(super) fn server(&self) -> &Server {
        &self.shared.server
    }

    /// Lets go of a connection that has something unanswered, and makes the next attempt to connect due now.
    pub(super) fn renew(&self) {
        let silent = match &mut *self.shared.lock() {
            State::Up { serial, unanswered_since: Some(_), .. } => *serial,
            State::Down { retry_at, .. } => {
                *retry_at = Instant::now();
                return;
            }
            _ => return,
        };
        self.shared.drop_connection(silent, "it does not answer");
    }

    pub(super) fn close(&self) {
        *self.shared.lock() = State::Closed;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Lets go of connection `serial`, if it is still the one in use.
    fn drop_connection(&self, serial: u64, reason: &str) {
        let mut state = self.lock();
        if matches!(&*state, State::Up { serial: current, .. } if *current == serial) {
            tracing::warn!(reason, "connection to Redis lost");
            let reason = (ErrorKind::Unavailable, format!("the connection to Redis was lost: {reason}"));
            *state = State::Down { retry_at: Instant::now(), pause: FIRST_PAUSE, reason };
        }
    }
}

/// A dialling task at work. One that ends otherwise than it should (the client panics, as rustls does when it cannot choose a
/// cryptography provider) leaves no caller waiting for it.
struct Dialler {
    shared: Arc<Shared>,
    /// Dropped last: who is woken by it finds the new state.
    _tell: watch::Sender<()>,
}

impl Drop for Dialler {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if let State::Dialling { pause, .. } = &*state {
            let reason = (ErrorKind::Unavailable, "connecting to Redis broke off".into());
            tracing::error!("connecting to Redis broke off: calls go on without it");
            *state = State::Down { retry_at: Instant::now() + LONGEST_PAUSE, pause: *pause, reason };
        }
    }
}

/// Tries once to connect, and says when it is done. Runs to its end whoever waits for it.
async fn dial(shared: Arc<Shared>, tell: watch::Sender<()>) {
    let dialler = Dialler { shared, _tell: tell };
    let shared = &dialler.shared;
    let config = untimed();
    let connecting = shared.server.connect(&config);
    let result = tokio::time::timeout(shared.connect_timeout, connecting).await.unwrap_or_else(|_| {
        let text = format!("Redis did not accept a connection within {:?}", shared.connect_timeout);
        Err(Error::new(ErrorKind::Unavailable, text))
    });
    let result = match result {
        Ok(up) => Ok(up),
        Err(error) => Err(shared.server.explain(error).await),
    };
    let mut state = shared.lock();
    let State::Dialling { pause, .. } = &*state else { return };
    let pause = *pause;
    *state = match result {
        Ok(Dialled { connection, address }) => {
            tracing::info!("connected to Redis");
            State::Up { connection, address, serial: fastrand::u64(..), unanswered_since: None }
        }
        Err(error) => {
            // Once per outage, not once per attempt.
            if pause == FIRST_PAUSE {
                tracing::warn!(%error, "cannot connect to Redis; calls go on without it");
            }
            let jittered = pause.mul_f64(0.75 + fastrand::f64() / 4.0);
            let reason = (error.kind(), error.to_string());
            State::Down { retry_at: Instant::now() + jittered, pause: (pause * 2).min(LONGEST_PAUSE), reason }
        }
    };
}

/// One exchange of commands and answers. Dropped unanswered, it is the sign by which a silent connection is found.
pub(super) struct Exchange {
    pub(super) connection: MultiplexedConnection,
    serial: u64,
    shared: Arc<Shared>,
    answered: bool,
}

impl Exchange {
    /// The connection that it is on, told from those before and after it.
    #[cfg(feature = "cluster")]
    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    /// Notes how the exchange went: an answer, also an unwelcome one, or a broken connection.
    pub(super) fn ended(mut self, error: Option<&RedisError>) {
        self.answered = true;
        let leave = |error: &&RedisError| {
            // A primary that answers like this has been deposed.
            let deposed = error.kind() == RedisKind::Server(ServerErrorKind::ReadOnly);
            error.is_io_error() || error.is_unrecoverable_error() || deposed && self.shared.server.moves()
        };
        if let Some(error) = error.filter(leave) {
            self.shared.drop_connection(self.serial, error.category());
            return;
        }
        if let State::Up { serial, unanswered_since, .. } = &mut *self.shared.lock()
            && *serial == self.serial
        {
            *unanswered_since = None;
        }
    }
}

impl Exchange {
    /// Notes that the answers on this connection are not those to its questions: it is not used any more.
    pub(super) fn out_of_step(mut self) {
        self.answered = true;
        self.shared.drop_connection(self.serial, "its answers are out of step");
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        let silent = match &*self.shared.lock() {
            State::Up { serial, unanswered_since: Some(since), .. } => {
                *serial == self.serial && since.elapsed() >= SILENCE
            }
            _ => false,
        };
        if silent {
            self.shared.drop_connection(self.serial, "no answer for a second");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialling_task_that_breaks_off_leaves_nobody_waiting() {
        let (send, answers) = std::sync::mpsc::channel();
        // On a thread of its own: a caller that spins would take the test's own clock with it.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                // It accepts, and never answers.
                let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let url = format!("redis://:password@{}", silent.local_addr().unwrap());
                let server = Server::At(redis::Client::open(url).unwrap().into());
                let connection = Connection::new(server, Duration::from_secs(60));
                let (tell, done) = watch::channel(());
                *connection.shared.lock() = State::Dialling { done, pause: FIRST_PAUSE };
                let dialling = tokio::spawn(dial(Arc::clone(&connection.shared), tell));
                tokio::task::yield_now().await;
                dialling.abort();
                send.send(connection.begin().await.map(drop).unwrap_err().kind()).unwrap();
            });
        });
        assert_eq!(answers.recv_timeout(Duration::from_secs(10)), Ok(ErrorKind::Unavailable));
    }
}
