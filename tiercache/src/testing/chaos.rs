//! An L2 that misbehaves on command.

use std::fmt;
use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::around::{Operation, Wrap};
use super::{Inner, wrapped};
use crate::cache::L2;
use crate::error::{Error, ErrorKind};
use crate::store::Op;

/// An L2 that misbehaves on command, for tests: it is slow, fails, loses replies, or is silent, and is well again when told to.
///
/// It goes around any other, such as [`Memory`](crate::Memory), and needs no network. Clones are the same one: give one to each cache that
/// shares it, and keep one to switch by. What is switched holds for operations that begin later. Delays are in real time: pausing tokio's
/// clock does not move them.
///
/// ```
/// use tiercache::{Cache, Chaos, ErrorKind, Memory, cached};
///
/// #[cached]
/// async fn double(n: u64) -> u64 {
///     2 * n
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> tiercache::Result<()> {
/// let chaos = Chaos::over(Memory::new());
/// let cache = Cache::builder().l2(chaos.clone()).build().await?;
/// chaos.fail(ErrorKind::Unavailable);
/// assert_eq!(cache.scope(double(4)).await, 8); // an L2 that is down is not the caller's trouble
/// assert!(cache.stats().l2_errors["unavailable"] > 0);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Chaos {
    inner: Inner,
    state: Arc<Mutex<State>>,
    healed: Arc<Notify>,
}

#[derive(Clone, Debug, Default)]
struct State {
    latency: Duration,
    trouble: Option<Trouble>,
    /// What is in trouble; everything if it is empty.
    only: Vec<Operation>,
}

#[derive(Clone, Copy, Debug)]
enum Trouble {
    Fails(ErrorKind),
    LosesReplies,
    IsSilent,
    StandsStill,
}

impl Chaos {
    /// A wrapper around `l2` that does nothing yet.
    pub fn over(l2: impl Into<L2>) -> Self {
        Self { inner: Arc::new(l2.into().store), state: Arc::default(), healed: Arc::default() }
    }

    /// Every operation takes this much longer.
    pub fn latency(&self, delay: Duration) {
        self.state().latency = delay;
    }

    /// Operations fail of this at once, and nothing of them is done.
    pub fn fail(&self, kind: ErrorKind) {
        self.state().trouble = Some(Trouble::Fails(kind));
    }

    /// Operations are done, and nobody is told: to the cache, they are over at their deadline. So an invalidation may have happened that is
    /// pending.
    pub fn lose_replies(&self) {
        self.state().trouble = Some(Trouble::LosesReplies);
    }

    /// Operations are neither done nor answered, as behind a cable that was pulled.
    pub fn silence(&self) {
        self.state().trouble = Some(Trouble::IsSilent);
    }

    /// Operations stand still until all is [healed](Self::heal), and are carried out then, unless their deadline was sooner.
    pub fn hold(&self) {
        self.state().trouble = Some(Trouble::StandsStill);
    }

    /// Only these operations are delayed or in trouble, from now on and until [`heal`](Self::heal).
    pub fn only(&self, operations: impl IntoIterator<Item = Operation>) {
        self.state().only = operations.into_iter().collect();
    }

    /// Everything works again, and at once.
    pub fn heal(&self) {
        *self.state() = State::default();
        self.healed.notify_waiters();
    }

    async fn until_healed(&self) {
        loop {
            let mut healed = pin!(self.healed.notified());
            // From here on, so that no healing is missed.
            healed.as_mut().enable();
            if !matches!(self.state().trouble, Some(Trouble::StandsStill)) {
                return;
            }
            healed.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Chaos").field(&*self.state()).finish()
    }
}

impl From<Chaos> for L2 {
    fn from(chaos: Chaos) -> Self {
        wrapped(&chaos.inner.clone(), chaos)
    }
}

impl Wrap for Chaos {
    fn wrap<'a, T: Send + 'a>(&'a self, operation: Operation, _keys: &[String], inner: Op<'a, T>) -> Op<'a, T> {
        let State { latency, trouble, only } = self.state().clone();
        if !only.is_empty() && !only.contains(&operation) {
            return inner;
        }
        Box::pin(async move {
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            match trouble {
                None => inner.await,
                Some(Trouble::Fails(kind)) => Err(Error::new(kind, "the test wants it so")),
                // The bus has no deadline: who waits there would not hear when all is well again.
                Some(_) if operation == Operation::Listen => Err(Error::new(ErrorKind::Unavailable, "the bus is lost")),
                Some(Trouble::LosesReplies) => {
                    drop(inner.await);
                    pending().await
                }
                Some(Trouble::IsSilent) => pending().await,
                Some(Trouble::StandsStill) => {
                    self.until_healed().await;
                    inner.await
                }
            }
        })
    }

    fn reads_here(&self) -> bool {
        // A delay takes the clock of the cache's own thread, which nobody pauses.
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::conformance::conformance;
    use crate::store::memory::Memory;
    use crate::testing::around::Around;

    fn around(chaos: &Chaos, memory: &Memory) -> Around<Chaos> {
        Around { wrap: chaos.clone(), inner: Arc::new(memory.clone()) }
    }

    #[tokio::test]
    async fn left_alone_it_keeps_the_contract_of_l2() {
        conformance(&around(&Chaos::over(Memory::new()), &Memory::new())).await;
    }

    #[tokio::test(start_paused = true)]
    async fn each_trouble_is_what_it_says_until_it_is_healed() {
        let (memory, chaos) = (Memory::new(), Chaos::over(Memory::new()));
        let store = around(&chaos, &memory);
        let claim = async |key: &'static str| {
            let life = Duration::from_secs(9);
            tokio::time::timeout(Duration::from_secs(1), store.claim(key, b"lease", life)).await
        };
        let held =
            async |key: &'static str| memory.read(key, &crate::store::Stamps::default()).await.unwrap().found.is_some();
        chaos.fail(ErrorKind::Overloaded);
        assert_eq!(claim("a").await.unwrap().unwrap_err().kind(), ErrorKind::Overloaded);
        assert!(!held("a").await);
        chaos.silence();
        assert!(claim("b").await.is_err() && !held("b").await);
        chaos.lose_replies();
        assert!(claim("c").await.is_err() && held("c").await);
        chaos.only([Operation::Read]);
        assert!(claim("d").await.is_ok());
        chaos.heal();
        chaos.hold();
        let (held, healed) = tokio::join!(claim("g"), async { chaos.heal() });
        assert_eq!((held.unwrap().unwrap(), healed), (None, ()), "it is carried out then");
        chaos.latency(Duration::from_millis(999));
        assert!(claim("e").await.is_ok());
        chaos.latency(Duration::from_millis(1_001));
        assert!(claim("f").await.is_err());
    }
}
