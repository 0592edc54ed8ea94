//! L2 in Redis.
