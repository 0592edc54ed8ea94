//! Reading L2 for many values at once.

use std::sync::Arc;
use std::time::Instant;

use crate::cache::Request;
use crate::cache::fetch::{Fetched, judge, read_again};
use crate::coherence::tags::Tags;
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

/// Those whose values carry tags that their requests do not know are read once more, together.
async fn fetch_chunk(requests: &[&Request]) -> Vec<Fetched> {
    let first = read_chunk(requests).await;
    let unknown = requests.iter().zip(&first).filter_map(|(request, first)| Some((request, first.as_ref().err()?)));
    let knowing: Vec<Request> = unknown.map(|(request, tags)| request.knowing(tags.clone())).collect();
    let mut second = read_chunk(&knowing.iter().collect::<Vec<_>>()).await.into_iter();
    let last = first.into_iter().map(|first| match first {
        Ok(fetched) => fetched,
        Err(_) => second.next().map_or(Fetched::Unreachable, read_again),
    });
    last.collect()
}

async fn read_chunk(requests: &[&Request]) -> Vec<Result<Fetched, Tags>> {
    let mut fetched: Vec<_> = requests.iter().map(|request| Ok(unread(request))).collect();
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
        fetched[at] = reading.map_or(Ok(Fetched::Unreachable), |reading| judge(request, key, reading));
    }
    fetched
}

/// What is known of a value for which L2 is not asked.
fn unread(request: &Request) -> Fetched {
    if request.l2().is_some() { Fetched::Unreachable } else { Fetched::Unasked }
}
