//! An L2 that keeps a record of what it is asked.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::around::{Operation, Wrap};
use super::{Inner, wrapped};
use crate::cache::L2;
use crate::store::Op;

/// An L2 that keeps a record of what it is asked, for tests: *this call made one read, and stored nothing*.
///
/// It goes around any other, such as [`Memory`](crate::Memory) or a [`Chaos`](crate::Chaos). Clones are the same one. The cache's own tasks
/// ask as well (they read the log, join the channel, mark stamps), so compare counts by kind and not their sum. The record grows until
/// [`clear`](Self::clear).
///
/// ```
/// use tiercache::{Cache, Memory, Operation, Recording, cached};
///
/// #[cached]
/// async fn double(n: u64) -> u64 {
///     2 * n
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> tiercache::Result<()> {
/// let l2 = Recording::over(Memory::new());
/// let cache = Cache::builder().l2(l2.clone()).build().await?;
/// cache.scope(double(4)).await;
/// assert_eq!(l2.count(Operation::Fill), 1);
/// l2.clear();
/// cache.scope(double(4)).await; // memory answers
/// assert_eq!(l2.count(Operation::Read), 0);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Recording {
    inner: Inner,
    record: Arc<Mutex<Vec<Recorded>>>,
}

/// An operation that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// What was asked.
    pub operation: Operation,
    /// The keys that it named, as [`Entry::key`](crate::Entry::key) gives them.
    pub keys: Vec<String>,
}

impl Recording {
    /// An empty record of `l2`.
    pub fn over(l2: impl Into<L2>) -> Self {
        Self { inner: Arc::new(l2.into().store), record: Arc::default() }
    }

    /// How many operations of a kind were begun.
    pub fn count(&self, operation: Operation) -> usize {
        self.record().iter().filter(|recorded| recorded.operation == operation).count()
    }

    /// What was done about one key, in the order in which it was begun.
    pub fn about(&self, key: &str) -> Vec<Operation> {
        let record = self.record();
        record
            .iter()
            .filter(|recorded| recorded.keys.iter().any(|named| named == key))
            .map(|found| found.operation)
            .collect()
    }

    /// Everything, in the order in which it was begun.
    pub fn operations(&self) -> Vec<Recorded> {
        self.record().clone()
    }

    /// Forgets what was recorded.
    pub fn clear(&self) {
        self.record().clear();
    }

    fn record(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("operations", &self.record().len()).finish_non_exhaustive()
    }
}

impl From<Recording> for L2 {
    fn from(recording: Recording) -> Self {
        wrapped(&recording.inner.clone(), recording)
    }
}

impl Wrap for Recording {
    fn wrap<'a, T: Send + 'a>(&'a self, operation: Operation, keys: &[String], inner: Op<'a, T>) -> Op<'a, T> {
        self.record().push(Recorded { operation, keys: keys.to_vec() });
        inner
    }

    fn reads_here(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::conformance;
    use crate::store::memory::Memory;
    use crate::testing::around::Around;

    #[tokio::test]
    async fn it_keeps_the_contract_of_l2_and_a_record() {
        let recording = Recording::over(Memory::new());
        conformance(&Around { wrap: recording.clone(), inner: Arc::new(Memory::new()) }).await;
        assert!(recording.count(Operation::Read) > 0 && recording.count(Operation::Claim) > 0);
        let first = recording.operations().into_iter().find(|recorded| recorded.operation == Operation::Claim);
        assert!(recording.about(&first.unwrap().keys[0]).contains(&Operation::Claim));
        recording.clear();
        assert_eq!(recording.operations(), []);
    }
}
