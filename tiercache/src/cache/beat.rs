//! The clock of the flights: it beats while anyone waits.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use crate::flight::Flights;
use crate::guard::Io;

use super::BEAT;

/// The flights, and the task that beats their clock while anyone waits.
pub(super) fn start_flights<K, V>(io: &Io, wait_limit: Duration) -> Arc<Flights<K, V>>
where
    K: std::hash::Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    let sweeps = u32::try_from(wait_limit.as_millis().div_ceil(BEAT.as_millis())).unwrap_or(u32::MAX);
    let someone_waits = Arc::new(Notify::new());
    let notify = Arc::clone(&someone_waits);
    let flights = Arc::new(Flights::new(sweeps, move || notify.notify_one()));
    io.spawn(beat(Arc::downgrade(&flights), someone_waits));
    flights
}

async fn beat<K, V>(flights: Weak<Flights<K, V>>, someone_waits: Arc<Notify>)
where
    K: std::hash::Hash + Eq + Clone,
    V: Clone,
{
    loop {
        someone_waits.notified().await;
        loop {
            tokio::time::sleep(BEAT).await;
            match flights.upgrade() {
                None => return,
                Some(flights) if !flights.sweep() => break,
                Some(_) => {}
            }
        }
    }
}
