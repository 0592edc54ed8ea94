//! What the integration tests share: real servers, a proxy that breaks connections, and small helpers.
//!
//! Everything here panics with a text that names the cure: a test that cannot get its server has failed. Waiting goes by
//! the real clock and never moves a paused tokio clock, so that all of it works under `start_paused` as well.
#![allow(clippy::missing_panics_doc, reason = "panicking is how test support reports")]

pub mod faults;
pub mod history;

mod authority;
mod helpers;
mod load;
mod ports;
mod proxy;
mod server;
mod topologies;

pub use authority::Authority;
pub use helpers::{Calls, eventually, memory, spawn, unique_namespace};
pub use load::{Carried, Load};
pub use proxy::{Mode, Proxy, Which};
pub use server::RedisServer;
pub use topologies::{RedisCluster, SentinelGroup};
