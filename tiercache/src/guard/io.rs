//! The cache's own thread and runtime.
//!
//! Runtimes of the user come, go and pause: each `#[tokio::test]` has its own, while the installed cache is the process's, and
//! under a paused clock a connect on the user's runtime would meet its deadline at once. So all I/O lives here.

use std::future::Future;
#[cfg(all(test, feature = "test-util"))]
use std::sync::Arc;
use std::sync::Mutex;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

#[cfg(all(test, feature = "test-util"))]
use super::process::Process;
use crate::error::{Error, ErrorKind, Result};

/// A single-threaded runtime on a thread of its own; ended when dropped.
#[derive(Debug)]
pub(crate) struct Io {
    handle: Handle,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    #[cfg(all(test, feature = "test-util"))]
    process: Option<Arc<Process>>,
}

impl Io {
    /// # Errors
    ///
    /// `ErrorKind::Io` if the system gives no thread or no event queue.
    pub(crate) fn start() -> Result<Self> {
        #[cfg(all(test, feature = "test-util"))]
        if let Some(process) = Process::current() {
            return Ok(Self { handle: Handle::current(), stop: Mutex::default(), process: Some(process) });
        }
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::Io, format!("the cache's I/O thread could not be started: {error}"))
                .with_source(error)
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        std::thread::Builder::new()
            .name("tiercache-io".into())
            .spawn(move || {
                // Ends when told to, or when the `Io` is gone.
                let _ = runtime.block_on(stopped);
                runtime.shutdown_background();
            })
            .map_err(failed)?;
        Ok(Self {
            handle,
            stop: Mutex::new(Some(stop)),
            #[cfg(all(test, feature = "test-util"))]
            process: None,
        })
    }

    /// Runs `task` to its end on this thread, whatever becomes of the caller.
    pub(crate) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        #[cfg(all(test, feature = "test-util"))]
        if let Some(process) = &self.process {
            return process.spawn(task);
        }
        self.handle.spawn(task)
    }

    /// How many tasks have not ended.
    #[cfg(feature = "test-util")]
    pub(crate) fn tasks(&self) -> usize {
        self.handle.metrics().num_alive_tasks()
    }

    /// Ends the thread: what still runs on it is dropped.
    pub(crate) fn stop(&self) {
        let stop = self.stop.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(stop) = stop {
            // The thread may have ended already.
            let _ = stop.send(());
        }
    }
}
