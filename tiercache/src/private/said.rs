//! What is said of one call.

use std::time::Duration;

use crate::cache::{Mode, Policy, Region, Terms};
use crate::call::Adjustment;

/// What is said of a call, by its caller and by its function.
pub(super) struct Said {
    pub(super) adjustment: Option<Adjustment>,
    /// What the function says beside what its address does.
    pub(super) over: Option<&'static Policy>,
}

impl Said {
    #[inline]
    pub(super) fn is_usual(&self) -> bool {
        self.adjustment.as_ref().is_none_or(|said| said.mode == Mode::Usual)
    }

    pub(super) fn terms(&self, region: &Region) -> Terms {
        self.over.map_or(region.terms, |over| over.over(region.terms))
    }

    /// The same by the function of this policy, where no cache knows its terms.
    pub(super) fn by(self, policy: &'static Policy) -> Self {
        Self { over: self.over.or(Some(policy)), ..self }
    }

    /// How long the body may take, where no cache knows it.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.over.and_then(Policy::body_timeout)
    }
}
