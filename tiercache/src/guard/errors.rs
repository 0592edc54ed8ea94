//! Failed operations, counted by kind.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::error::ErrorKind;

#[derive(Default)]
pub(super) struct Errors([AtomicU64; KINDS.len()]);

const KINDS: [(ErrorKind, &str); 10] = [
    (ErrorKind::Unavailable, "unavailable"),
    (ErrorKind::Timeout, "timeout"),
    (ErrorKind::Overloaded, "overloaded"),
    (ErrorKind::OutOfMemory, "out_of_memory"),
    (ErrorKind::Refused, "refused"),
    (ErrorKind::Forbidden, "forbidden"),
    (ErrorKind::WrongType, "wrong_type"),
    (ErrorKind::Protocol, "protocol"),
    (ErrorKind::Io, "io"),
    (ErrorKind::NotInstalled, "closed"),
];

impl Errors {
    pub(super) fn count(&self, kind: ErrorKind) {
        if let Some(at) = KINDS.iter().position(|(known, _)| *known == kind) {
            self.0[at].fetch_add(1, Relaxed);
        }
    }

    pub(super) fn snapshot(&self) -> Vec<(&'static str, u64)> {
        let counts = self.0.iter().map(|count| count.load(Relaxed));
        KINDS.iter().map(|(_, name)| *name).zip(counts).filter(|(_, count)| *count > 0).collect()
    }
}
