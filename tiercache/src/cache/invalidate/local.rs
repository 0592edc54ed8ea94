//! What is done however an operation ends.

/// This process's part of an invalidation: done when dropped, so that it is done also when the caller goes away while L2 is asked.
pub(in crate::cache) struct Local<F: FnOnce()> {
    run: Option<F>,
}

impl<F: FnOnce()> Local<F> {
    pub(in crate::cache) fn when_dropped(run: F) -> Self {
        Self { run: Some(run) }
    }

    /// There is no need for it.
    pub(in crate::cache) fn cancel(mut self) {
        self.run = None;
    }
}

impl<F: FnOnce()> Drop for Local<F> {
    fn drop(&mut self) {
        if let Some(run) = self.run.take() {
            run();
        }
    }
}
