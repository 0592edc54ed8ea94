//! What several instances read and wrote, and whether that was allowed.
//!
//! Every key has a version that only grows. A *write* begins before its commit to the database and ends when the invalidation after it
//! has returned `Ok`; one whose invalidation failed promises nothing, and has no end. A read is legal if its version was committed by a
//! write that began before the read's end, and is no older than
//!
//! - any write of its own instance that ended before the read began,
//! - any write of another instance that ended longer than the bound before the read began.
//!
//! **Rollbacks.** A server that takes another's place may lack what that one acknowledged last; the cache then makes those invalidations
//! anew. So a write that ended within a *rollback* counts as ended when the cache has done that, and the two bounds above hold from there.
//! What was written before a rollback or after it has the bounds as ever, also while it lasts. Reads that are legal by this alone are
//! counted.
//!
//! Times are nanoseconds of `CLOCK_MONOTONIC`, which all processes of a machine share.

mod judge;
mod record;

pub use judge::{Bounds, History, Rollback, Verdict, Violation};
pub use record::{Journal, Record, nanos, read_journal};
