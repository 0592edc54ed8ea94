//! What a user of L2 may be permitted or not, each by itself.
//!
//! A permission that is missing takes away what needs it, and nothing else: it says nothing of whether L2 serves, so it opens no breaker.

use std::pin::Pin;
use std::time::Duration;

use super::Guard;
use super::gate::Gate;
use crate::error::{Error, ErrorKind, Result};
use crate::time::now;

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    Read,
    ReadMany,
    /// To keep what was loaded: leases, stamps, values.
    Fill,
    /// To store what was written, and tell of it.
    Write,
    Invalidate,
    /// To list the groups of a pattern.
    List,
    /// To read the log of invalidations, and begin in it.
    Watch,
}

const RIGHTS: [(Right, &str); 7] = [
    (Right::Read, "reads"),
    (Right::ReadMany, "reads of many keys"),
    (Right::Fill, "loaded values"),
    (Right::Write, "written values"),
    (Right::Invalidate, "invalidations"),
    (Right::List, "the list of prefixes"),
    (Right::Watch, "the log of invalidations"),
];

/// A gate for each right, in their order.
pub(super) struct Rights([Gate; RIGHTS.len()]);

impl Rights {
    pub(super) fn new(longest: Duration) -> Self {
        Self(RIGHTS.map(|(_, what)| Gate::new(what, ErrorKind::Forbidden, longest)))
    }

    fn of(&self, right: Right) -> &Gate {
        &self.0[right as usize]
    }
}

impl Guard {
    /// Whether L2 permits all that it was asked for.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Forbidden` if not, with what it refuses and why.
    pub(crate) fn permitted(&self) -> Result<()> {
        let reasons: Vec<String> = self.inner.rights.0.iter().filter_map(Gate::reason).collect();
        if reasons.is_empty() { Ok(()) } else { Err(Error::new(ErrorKind::Forbidden, reasons.join("; "))) }
    }

    /// Runs an operation that takes this right, unless it was found missing lately.
    ///
    /// By reference, as the others that go around an operation: one that is handed on takes its place in each of them anew.
    pub(super) async fn by_right<T>(
        &self,
        right: Right,
        operation: Pin<&mut impl Future<Output = Result<T>>>,
    ) -> Result<T> {
        self.admit()?;
        let gate = self.inner.rights.of(right);
        gate.admit(now)?;
        let ended = operation.await;
        gate.note(&ended, now);
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_right_has_its_own_gate() {
        for (at, (right, what)) in RIGHTS.into_iter().enumerate() {
            assert_eq!(right as usize, at, "{what}");
        }
    }
}
