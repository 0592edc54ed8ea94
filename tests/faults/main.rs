//! Trouble of Redis is never the caller's.

mod breaker;
mod pending;
mod redis_down;

/// What is measured here is measured alone: two tests at once on two cores would measure each other.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
