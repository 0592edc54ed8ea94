//! `cargo xtask servers`: Redis in every topology, to try things out.

use crate::redis;
use crate::run::{Result, cargo, step};

/// The servers are those of the tests: started, and ended on Ctrl-C, by their support code.
pub(crate) fn run() -> Result {
    redis::ensure()?;
    step(&mut cargo(["run", "--quiet", "-p", "tiercache-tests", "--example", "servers"]))
}
