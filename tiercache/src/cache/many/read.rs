//! Reading L2 for many values at once.

use std::sync::Arc;
use std::time::Instant;

use crate::cache::Request;
use crate::cache::fetch::{Fetched, judge};
use crate::stats::Timed;
use crate::store::Wanted;

use super::AT_ONCE;

/// Reads L2 for each request, in their order, as a single read does for one.
pub(super) async fn fetch_many(requests: &[&Request]) -> Vec<Fetched> {
    let mut fetched = Vec::with_capacity(requests.len());
    // Nearly always they are all of one cache.
    for requests in requests.chunk_by(|one, next| one.cache.is(&next.cache)) {
        for requests in requests.chunks(AT_ONCE) {
            fetched.extend(fetch_chunk(requests).await);
        }
    }
    fetched
}

async fn fetch_chunk(requests: &[&Request]) -> Vec<Fetched> {
    let mut fetched: Vec<Fetched> = requests.iter().map(|request| unread(request)).collect();
    let (mut asked, mut wanted, mut l2) = (Vec::new(), Vec::new(), None);
    for (at, request) in requests.iter().enumerate() {
        if let Some(guard) = request.l2().filter(|guard| !request.is_cut_off(guard)) {
            asked.push(at);
            wanted.push(Wanted { key: request.l2_key(), stamps: request.stamps() });
            l2 = Some(guard);
        }
    }
    let Some(guard) = l2 else { return fetched };
    let wanted: Arc<[Wanted]> = wanted.into();
    let started = Instant::now();
    let readings = guard.read_many(Arc::clone(&wanted)).await;
    let took = started.elapsed();
    let mut readings = readings.ok().map(Vec::into_iter);
    for (at, Wanted { key, .. }) in asked.into_iter().zip(&*wanted) {
        let request = requests[at];
        request.region.counters.time(Timed::L2Read, took);
        let reading = readings.as_mut().and_then(Iterator::next);
        fetched[at] = reading.map_or(Fetched::Unreachable, |reading| judge(request, key, reading));
    }
    fetched
}

/// What is known of a value for which L2 is not asked.
fn unread(request: &Request) -> Fetched {
    if request.l2().is_some() { Fetched::Unreachable } else { Fetched::Unasked }
}
