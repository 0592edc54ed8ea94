//! The operations of writing behind: what they make of an answer is dropped if the caller is gone by then, and given back so.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::Guard;
use super::rights::Right;
use crate::error::Result;
use crate::store::{Commit, Committed, Sent, Store, Swap, Tell};

impl Guard {
    /// As [`Guard::commit`], of a lease that `then` takes into its care.
    pub(crate) async fn commit_lease<T: Send + 'static>(
        &self,
        commit: Commit,
        then: impl FnOnce(Committed) -> T + Send + 'static,
    ) -> Result<T> {
        self.run_write(Right::Write, move |store| async move { store.commit(commit).await.map(then) }).await
    }

    /// As [`Guard::write_many`], of leases that `then` takes into its care.
    pub(crate) async fn write_leases<T: Send + 'static>(
        &self,
        sent: Vec<Sent>,
        tell: Tell,
        then: impl FnOnce(Option<String>) -> T + Send + 'static,
    ) -> Result<T> {
        self.run_write(Right::Write, move |store| async move { store.write_many(sent, tell).await.map(then) }).await
    }

    /// Waits for `what`, for so long at most, by the clock of the cache's own thread. Says whether it came to its end.
    pub(crate) async fn within(&self, limit: Duration, what: impl Future<Output = ()> + Send + 'static) -> bool {
        matches!(self.inner.io.spawn(tokio::time::timeout(limit, what)).await, Ok(Ok(())))
    }

    /// The same, for as long as L2 may take for an operation.
    pub(crate) async fn within_deadline(&self, what: impl Future<Output = ()> + Send + 'static) -> bool {
        self.within(self.inner.limits.deadline, what).await
    }

    /// See [`Store::swap_many`]. Not repeated: as [`Guard::swap`].
    ///
    /// # Errors
    ///
    /// What they failed of, if all have.
    pub(crate) async fn swap_many(&self, swaps: Vec<Swap>) -> Result<Vec<Result<bool>>> {
        self.run_write(Right::Fill, move |store: Arc<dyn Store>| async move {
            let mut swapped = store.swap_many(swaps).await?;
            if swapped.iter().all(Result::is_err)
                && let Some(failed) = swapped.pop()
            {
                failed?;
            }
            Ok(swapped)
        })
        .await
    }
}
