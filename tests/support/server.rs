//! A real `redis-server`, owned by one test; or a `valkey-server`, or another that speaks like them.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::ports;

/// Names the program to start, if it is to be another one than this.
const PROGRAM: &str = "TEST_SERVER";
const REDIS: &str = "redis-server";
/// In the place of an argument: a free port, another one at each attempt to start.
pub(crate) const FREE: &str = "{free}";
/// A sentinel's configuration, in its directory; other servers have none.
const SENTINEL: &str = "sentinel.conf";
const START_LIMIT: Duration = Duration::from_secs(20);
const STOP_LIMIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(2);
const PORT_ATTEMPTS: usize = 20;

/// A `redis-server` on a free loopback port, with a directory of its own; it ends when this is dropped, also by a panic.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    arguments: Vec<String>,
    dir: TempDir,
    process: Option<Process>,
}

impl RedisServer {
    /// Starts a server without persistence and waits until it answers.
    pub async fn start() -> Self {
        Self::start_with::<&str>(&[]).await
    }

    /// Starts a server with more arguments, such as `["--maxmemory", "1mb"]`, and waits until it answers `PING`, be it
    /// with an error (`NOAUTH`, `LOADING`). [`RedisServer::restart`] uses the same ones.
    pub async fn start_with<A: AsRef<str>>(arguments: &[A]) -> Self {
        let arguments = owned(arguments);
        blocking(move || Self::start_somewhere(&arguments, None)).await
    }

    /// Starts a sentinel with this configuration, which it changes as it learns.
    pub(crate) async fn start_sentinel(configuration: String, arguments: &[String]) -> Self {
        let arguments = owned(arguments);
        blocking(move || Self::start_somewhere(&arguments, Some(configuration))).await
    }

    /// `redis://127.0.0.1:port`, for the client under test.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The loopback port; it stays the same over restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port that it speaks TLS on, if it does; the same over restarts.
    pub fn tls_port(&self) -> Option<u16> {
        self.number("--tls-port")
    }

    /// The port by which servers that belong together know it.
    pub(crate) fn known_port(&self) -> u16 {
        self.tls_port().unwrap_or(self.port)
    }

    /// The number that was given as argument `name`.
    pub(crate) fn number(&self, name: &str) -> Option<u16> {
        let at = self.arguments.iter().position(|argument| argument == name)?;
        self.arguments.get(at + 1)?.parse().ok()
    }

    /// Whether it was started and neither stopped nor killed.
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Ends the server in order (SIGTERM; SIGKILL after 5 s) and waits for its end. One that has ended already stays so.
    pub async fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            blocking(move || process.end_in_order()).await;
        }
    }

    /// Ends the server as a crash would (SIGKILL) and waits for its end.
    pub async fn kill(&mut self) {
        let process = self.process.take();
        blocking(move || drop(process)).await;
    }

    /// Stops the server if it runs, starts it on the same port and waits until it answers.
    ///
    /// It comes back empty, unless [`RedisServer::start_with`] turned persistence on.
    pub async fn restart(&mut self) {
        self.stop().await;
        let dir = self.dir.path().to_owned();
        let (port, arguments) = (self.port, self.arguments.clone());
        let started = blocking(move || run(&dir, port, &arguments)).await;
        self.process =
            Some(started.unwrap_or_else(|log| panic!("the server did not come back on port {port}:\n{log}")));
    }

    /// Freezes the server (SIGSTOP): connections stay open, and nothing is answered until [`RedisServer::resume`].
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a paused server go on (SIGCONT); it answers what has arrived meanwhile.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// A connection for the test's own looks. It has no timeouts, which a paused tokio clock would meet at once.
    pub async fn connection(&self) -> MultiplexedConnection {
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let client = Client::open(self.url()).expect("a loopback address is a valid url");
        let mut connected = client.get_multiplexed_async_connection_with_config(&config).await;
        if connected.is_err() {
            // A sentinel that gives a server another role cuts its connections, also one in the making.
            connected = client.get_multiplexed_async_connection_with_config(&config).await;
        }
        connected.unwrap_or_else(|error| panic!("cannot connect to the test's server: {error}"))
    }

    /// Removes every key.
    pub async fn flush(&self) {
        let flushed = redis::cmd("FLUSHALL").exec_async(&mut self.connection().await).await;
        flushed.unwrap_or_else(|error| panic!("FLUSHALL failed: {error}"));
    }

    fn start_somewhere(arguments: &[String], sentinel: Option<String>) -> Self {
        let dir = TempDir::new().expect("the temporary directory is writable");
        if let Some(configuration) = sentinel {
            fs::write(dir.path().join(SENTINEL), configuration).expect("the server's own directory is writable");
        }
        let mut log = String::new();
        for _ in 0..PORT_ATTEMPTS {
            let port = ports::free();
            let free = |argument: &String| if argument == FREE { ports::free().to_string() } else { argument.clone() };
            let arguments: Vec<String> = arguments.iter().map(free).collect();
            match run(dir.path(), port, &arguments) {
                Ok(process) => return Self { port, arguments, dir, process: Some(process) },
                Err(text) if text.contains("Address already in use") => log = text,
                Err(text) => panic!("the server did not start:\n{text}"),
            }
        }
        panic!("the server found no free port in {PORT_ATTEMPTS} attempts; its last log:\n{log}");
    }

    fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("only a running server takes signals; restart it first");
        process.signal(signal).expect("a child that is not waited for can be signalled");
    }
}

fn owned<A: AsRef<str>>(arguments: &[A]) -> Vec<String> {
    arguments.iter().map(|argument| argument.as_ref().to_owned()).collect()
}

/// The running server; dropping it ends it and waits for its end.
#[derive(Debug)]
struct Process(Child);

impl Process {
    fn signal(&self, signal: Signal) -> rustix::io::Result<()> {
        kill_process(Pid::from_child(&self.0), signal)
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    fn end_in_order(mut self) {
        // A paused server takes the order when it goes on. Errors mean that it has ended already.
        let _ = self.signal(Signal::TERM);
        let _ = self.signal(Signal::CONT);
        let begun = Instant::now();
        while !self.has_ended() && begun.elapsed() < STOP_LIMIT {
            thread::sleep(POLL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a child that has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the server in `dir` and waits until it answers; its log, if it ends instead.
fn run(dir: &Path, port: u16, arguments: &[String]) -> Result<Process, String> {
    // Our server alone answers on this socket, and it opens it after the port: an answer here means that the port is
    // ours, whereas one on the port could come from a server of somebody else who was faster.
    let socket = dir.join("redis.sock");
    let _ = fs::remove_file(&socket);
    let log = dir.join("redis.log");
    let mut process = spawn(dir, port, &socket, &log, arguments);
    let begun = Instant::now();
    loop {
        if answers(&socket) {
            return Ok(process);
        }
        if process.has_ended() || begun.elapsed() > START_LIMIT {
            return Err(fs::read_to_string(&log).unwrap_or_else(|error| format!("no log: {error}")));
        }
        thread::sleep(POLL);
    }
}

fn spawn(dir: &Path, port: u16, socket: &Path, log: &Path, arguments: &[String]) -> Process {
    let log = File::create(log).expect("the server's own directory is writable");
    let errors = log.try_clone().expect("an open file can be shared");
    let program = std::env::var(PROGRAM).unwrap_or_else(|_| REDIS.to_owned());
    let mut command = Command::new(&program);
    if dir.join(SENTINEL).exists() {
        command.args([SENTINEL, "--sentinel"]);
    }
    let spawned = command
        .args(["--save", "", "--appendonly", "no", "--shutdown-timeout", "0"])
        .args(["--bind", "127.0.0.1", "--enable-debug-command", "local"])
        .args(["--port", &port.to_string()])
        .arg("--unixsocket")
        .arg(socket)
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn();
    match spawned {
        Ok(child) => Process(child),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            panic!("no {program} on PATH: install {program}, or run cargo xtask test")
        }
        Err(error) => panic!("cannot start {program}: {error}"),
    }
}

/// Whether the server behind `socket` answers, be it with an error: `+PONG`, `-NOAUTH …`, `-LOADING …`.
fn answers(socket: &Path) -> bool {
    let asked = UnixStream::connect(socket).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut first = [0];
        stream.read_exact(&mut first)?;
        Ok(first)
    });
    asked.is_ok_and(|first| matches!(first, [b'+' | b'-']))
}

/// Runs `work` where it may block; a paused tokio clock stands still meanwhile.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
