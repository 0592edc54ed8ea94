//! Trouble of Redis is never the caller's.

mod redis_down;
