//! The synchronization primitives of `flight` and of the fence, under one name, so that a model checker can put its own in their place.

pub(crate) use std::sync::atomic::{AtomicU32, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use std::thread_local;
