//! What a decoder may use up: depth, elements, and memory reserved ahead.
//!
//! Codecs believe the lengths they read. Nine bytes make bincode reserve 2^60 and abort the process, five bytes make it
//! reserve all of a limit, a `Vec<()>` is filled for as long as it declares, and a value that is nested 100,000 times
//! overflows the stack. The guard stands between a codec's deserializer and the type ([`guarded`]) and counts.

mod access;
mod guarded;

use std::cell::Cell;

use serde::de::Error;

use guarded::Guarded;

/// How deep values may be nested. `Some` and newtypes count too: recursion can go through them alone.
const DEPTH: usize = 128;

/// Elements that take no bytes, such as units, may be this many more than the bytes.
const FREE_ELEMENTS: usize = 65_536;

/// The budgets of one decoding.
#[derive(Debug)]
pub(super) struct Guard {
    elements: Cell<usize>,
    hints: Cell<usize>,
}

impl Guard {
    /// For a payload of `length` bytes.
    pub(super) fn new(length: usize) -> Self {
        Self { elements: Cell::new(length.saturating_add(FREE_ELEMENTS)), hints: Cell::new(length) }
    }

    /// The deserializer that keeps to this guard.
    pub(super) fn over<D>(&self, deserializer: D) -> Guarded<'_, D> {
        Guarded { inner: deserializer, at: Level { guard: self, depth: 0, counted: false } }
    }
}

/// Where in a value the decoder is.
#[derive(Clone, Copy, Debug)]
struct Level<'g> {
    guard: &'g Guard,
    depth: usize,
    /// Whether the data say how many elements come, and not the type: the first need a budget.
    counted: bool,
}

impl Level<'_> {
    /// One level further in.
    #[inline]
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH {
            return Err(E::custom("nested too deep"));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    #[inline]
    fn counted(self) -> Self {
        Self { counted: true, ..self }
    }

    #[inline]
    fn fixed(self) -> Self {
        Self { counted: false, ..self }
    }

    /// Pays for an element.
    #[inline]
    fn element<E: Error>(self) -> Result<(), E> {
        if self.counted {
            let left = self.guard.elements.get().checked_sub(1).ok_or_else(|| E::custom("too many elements"))?;
            self.guard.elements.set(left);
        }
        Ok(())
    }

    /// What of a size hint may be believed: all hints together no more than there are bytes, so that sequences nested
    /// in one another cannot each reserve for the whole payload.
    fn hint(self, hint: Option<usize>) -> Option<usize> {
        let left = self.guard.hints.get();
        let hint = hint?.min(left);
        self.guard.hints.set(left - hint);
        Some(hint)
    }
}
