//! L2 in memory, for tests.
