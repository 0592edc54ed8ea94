//! What tiercache costs, against its floor and against its peers.
//!
//! ```text
//! cargo bench -p benches                        everything, two minutes
//! cargo bench -p benches -- l1/quick-cache      the cases whose names begin like this
//! cargo bench -p benches -- list                the names
//! ```
//!
//! Absolute times move with the machine and with whoever else uses it. So contestants take turns, a few milliseconds each, and
//! what counts is the *ratio* of a contestant to the first one of its table **in the same round**: the median over all rounds,
//! with the quartiles in brackets. The time shown is the median of the rounds too.
//!
//! Each case runs in a process of its own, because a process installs one cache. The L2 cases start a `redis-server` (it must be
//! on `PATH`) on a free loopback port and stop it.
//!
//! For a profiler there are cases that do nothing but hit; instructions, unlike times, can be counted twice with one result.
//! (Valgrind cannot follow rustix's own way to the clock, hence the flag.)
//!
//! ```text
//! export RUSTFLAGS="--cfg rustix_use_libc" CARGO_PROFILE_BENCH_DEBUG=1
//! cargo bench -p benches --no-run       # says where the program is
//! TIERCACHE_BENCH_CASE=profile/quick-cache valgrind --tool=callgrind --toggle-collect='*profile::turns*' target/release/deps/tiercache-…
//! TIERCACHE_BENCH_CASE=profile-floor/quick-cache …
//! ```

mod rounds;
mod table;

pub use rounds::{Contest, Scale};
pub use table::{HEAD, print, print_bytes};
