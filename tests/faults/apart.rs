//! Tests in processes of their own: what is logged there is about them alone.

use std::io::{self, Write};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use tracing::Level;

/// Says to a process which case of its test it is.
const CASE: &str = "FAULTS_CASE";

/// The case that this process is; none in the one that the harness has started.
pub(super) fn case() -> Option<String> {
    std::env::var(CASE).ok()
}

/// Runs a test once for each case, side by side, each in a process of its own: what they have printed.
pub(super) async fn each<const N: usize>(test: &'static str, cases: [&'static str; N]) -> [String; N] {
    let run = |case| tokio::task::spawn_blocking(move || run(test, case));
    let printed: Vec<String> = join_all(cases.map(run)).await.into_iter().map(Result::unwrap).collect();
    printed.try_into().expect("each case has printed something")
}

fn run(test: &str, case: &str) -> String {
    let mut command = Command::new(std::env::current_exe().expect("a running test has a path"));
    let ended = command.args(["--exact", test, "--nocapture"]).env(CASE, case).output().expect("it can run itself");
    let printed = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{case}: {printed}{}", String::from_utf8_lossy(&ended.stderr));
    printed.into_owned()
}

/// What this process has logged.
#[derive(Clone, Default)]
pub(super) struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Logs of all levels, from now on. Once in a process.
    pub(super) fn collect() -> Self {
        let logs = Self::default();
        let writer = logs.clone();
        let subscriber = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_ansi(false);
        subscriber.with_writer(move || writer.clone()).init();
        logs
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock()).into_owned()
    }

    /// The lines that an operator sees who does not look for trouble.
    pub(super) fn lines(&self) -> Vec<String> {
        let shown = |line: &&str| [" INFO ", " WARN ", "ERROR "].iter().any(|level| line.contains(level));
        self.text().lines().filter(shown).map(ToOwned::to_owned).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
