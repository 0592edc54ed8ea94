//! L2 in memory, for tests.

mod news;
mod state;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Commit, Committed, Op, Page, Reading, Sent, Shared, Stamps, Store, Tell};
use crate::error::Result;
use crate::time::now;

use state::State;

/// An L2 in this process's memory, for tests: no server, no file, nothing left behind.
///
/// Clones are the same store, so that several caches can share one as instances share a Redis. Lives are kept by the real
/// clock: pausing tokio's moves L1 only. Nothing bounds it.
#[derive(Clone, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("entries", &self.state().entries.len()).finish_non_exhaustive()
    }
}

/// The future of something that has been done already.
fn done<'a, T: Send + 'a>(answer: T) -> Op<'a, T> {
    Box::pin(std::future::ready(Ok(answer) as Result<T>))
}

impl Store for Memory {
    fn read<'a>(&'a self, key: &'a str, stamps: &'a Stamps) -> Op<'a, Reading> {
        Box::pin(async move { Ok(self.state().read(key, stamps)) })
    }

    fn read_here<'a>(&'a self, key: &'a str, stamps: &'a Stamps) -> Option<Op<'a, Reading>> {
        Some(self.read(key, stamps))
    }

    fn claim<'a>(&'a self, key: &'a str, lease: &'a [u8], life: Duration) -> Op<'a, Option<Vec<u8>>> {
        Box::pin(async move { Ok(self.state().claim(key, lease, life)) })
    }

    fn swap<'a>(
        &'a self,
        key: &'a str,
        expected: &'a [u8],
        bytes: Vec<u8>,
        life: Duration,
        tags: &'a [String],
    ) -> Op<'a, bool> {
        Box::pin(async move {
            let mut state = self.state();
            let holds = state.holds(key, expected);
            if holds {
                for tag in tags {
                    state.keep_tag(tag, life);
                }
                state.write(key, bytes, life);
            }
            Ok(holds)
        })
    }

    fn commit(&self, commit: Commit) -> Op<'_, Committed> {
        Box::pin(async move {
            let Commit { key, expected, bytes, life, tags, tell, .. } = commit;
            let mut state = self.state();
            let stored = state.put(&key, expected.as_deref(), (bytes, life, &tags));
            let place = news::log_id(state.append(tell.log, tell.message));
            Ok(Committed { stored, place: Some(place) })
        })
    }

    fn write_many(&self, sent: Vec<Sent>, tell: Tell) -> Op<'_, Option<String>> {
        Box::pin(async move {
            let mut state = self.state();
            for Sent { key, bytes, life, tags, .. } in sent {
                state.put(&key, None, (bytes, life, &tags));
            }
            Ok(Some(news::log_id(state.append(tell.log, tell.message))))
        })
    }

    fn extend<'a>(&'a self, key: &'a str, expected: &'a [u8], life: Duration) -> Op<'a, bool> {
        Box::pin(async move {
            let mut state = self.state();
            let holds = state.holds(key, expected);
            if let Some(entry) = state.entries.get_mut(key).filter(|_| holds) {
                entry.expires = now().checked_add(life);
            }
            Ok(holds)
        })
    }

    fn release<'a>(&'a self, key: &'a str, expected: &'a [u8]) -> Op<'a, bool> {
        Box::pin(async move {
            let mut state = self.state();
            let holds = state.holds(key, expected);
            if holds {
                state.remove(key);
            }
            Ok(holds)
        })
    }

    fn remove<'a>(&'a self, keys: &'a [String]) -> Op<'a, ()> {
        Box::pin(async move {
            let mut state = self.state();
            for key in keys {
                state.remove(key);
            }
            Ok(())
        })
    }

    fn stamp<'a>(&'a self, stamps: &'a Stamps, fresh: &'a [u64], life: Duration) -> Op<'a, Vec<u64>> {
        Box::pin(async move { Ok(self.state().stamp(stamps, fresh, life)) })
    }

    fn groups<'a>(&'a self, hash: &'a str) -> Op<'a, Vec<String>> {
        Box::pin(async move {
            let state = self.state();
            Ok(state.stamps.get(hash).map(|held| held.keys().cloned().collect()).unwrap_or_default())
        })
    }

    fn unstamp<'a>(&'a self, stamps: &'a Stamps) -> Op<'a, ()> {
        Box::pin(async move {
            if let Some(held) = self.state().stamps.get_mut(&*stamps.hash) {
                held.retain(|field, _| !stamps.fields.contains(field));
            }
            self.remove(&stamps.tags).await
        })
    }

    fn scan<'a>(&'a self, start: &'a str, cursor: u64) -> Op<'a, Page> {
        Box::pin(async move { Ok(self.state().scan(start, cursor)) })
    }

    fn ping(&self) -> Op<'_, ()> {
        done(())
    }

    fn close(&self) -> Op<'_, ()> {
        // Others may share it.
        done(())
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn shared(&self) -> Option<&dyn Shared> {
        Some(self)
    }
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{Write as _, conformance};

    #[tokio::test]
    async fn memory_keeps_the_contract_of_l2() {
        conformance(&Memory::new()).await;
    }

    #[tokio::test]
    async fn clones_are_the_same_store_and_closing_one_leaves_the_other() -> Result<()> {
        let (one, other) = (Memory::new(), Memory::new());
        let shared = one.clone();
        one.write("k", b"v".to_vec(), Duration::from_secs(9)).await?;
        one.close().await?;
        assert!(shared.read("k", &Stamps::default()).await?.found.is_some());
        assert!(other.read("k", &Stamps::default()).await?.found.is_none());
        Ok(())
    }
}
