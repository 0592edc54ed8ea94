//! A writer that stops at a limit, so that a huge value is refused before it is built.

/// Appends to a vector, up to a limit.
pub(super) struct Bounded<'a> {
    out: &'a mut Vec<u8>,
    room: usize,
    full: bool,
}

impl<'a> Bounded<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, limit: usize) -> Self {
        Self { out, room: limit, full: false }
    }

    /// Appends all of `bytes`, or nothing and answers false.
    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8]) -> bool {
        match self.room.checked_sub(bytes.len()) {
            Some(room) => {
                self.out.extend_from_slice(bytes);
                self.room = room;
            }
            None => self.full = true,
        }
        !self.full
    }

    /// Whether something did not fit.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }
}
