//! Many values at once: few round trips, whatever their number.

mod load;
mod parts;
mod read;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};

pub(crate) use load::load_many;

use crate::coherence::lease::{Filling, Lease};
use crate::coherence::news::{News, Removed};
use crate::error::Result;
use crate::guard::Guard;
use crate::key::Key;
use crate::l1::{AnyEntry, Deadlines};
use crate::stats::{Event, Timed};
use crate::store::{Sent, Stamps, Tell};
use crate::value::Cacheable;
use crate::value::print::print;

use super::Cache;
use super::behind::Place;
use super::invalidate::{AT_ONCE, Local, Removal};
use super::policy::Policy;
use super::request::{Begun, Request};
use super::write::{Sealed, given, promote, seal};

use read::fetch_many;

impl Cache {
    /// The values of `keys`, in their order, as [`Cache::get`] gives each: what memory does not have is read from L2 in one round trip
    /// per 1,000 keys. Never loads, and is not counted as requests.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> tiercache::Result<()> {
    /// # use tiercache::{Cache, Key, Policy};
    /// # let cache = Cache::builder().build().await?;
    /// let keys = [Key::new("name", &1)?, Key::new("name", &2)?, Key::new("name", &3)?];
    /// let (ada, grace) = ("Ada".to_owned(), "Grace".to_owned());
    /// cache.set_many([(&keys[0], &ada), (&keys[2], &grace)], &Policy::new()).await?;
    /// assert_eq!(cache.get_many::<String>(&keys).await, [Some(ada), None, Some(grace)]);
    /// # Ok(()) }
    /// ```
    pub async fn get_many<T: Cacheable>(&self, keys: &[Key]) -> Vec<Option<T>> {
        let policy = Policy::new();
        let requests: Vec<Request> = keys.iter().map(|key| self.request(key, &policy)).collect();
        let mut values: Vec<Option<T>> = vec![None; keys.len()];
        let mut missing = Vec::new();
        for (at, request) in requests.iter().enumerate() {
            let entry = self.look(&request.region, &request.digest);
            match entry.as_ref().and_then(|entry| entry.value::<T>()) {
                Some(stored) => values[at].clone_from(stored),
                None => missing.push((at, request, request.begin())),
            }
        }
        let asked: Vec<&Request> = missing.iter().map(|(_, request, _)| *request).collect();
        for ((at, request, begun), fetched) in missing.into_iter().zip(fetch_many(&asked).await) {
            if let Ok((stored, life)) = fetched.decode::<T>(request) {
                values[at].clone_from(&stored.value);
                promote(request, begun, stored, life);
            }
        }
        values
    }

    /// Stores values that you have, as [`Cache::set`] does each: in one round trip, and with one message to the other instances, per
    /// 1,000 keys. Of a key that is given twice, the last value is stored.
    ///
    /// # Errors
    ///
    /// L2's error, or `ErrorKind::Encode` or `TooLarge` for a value that cannot be stored. The thousands before the one that failed are
    /// stored, it and those behind it are not; what L2 may have of it is invalidated.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, it may have stored in L2 and not in memory.
    pub async fn set_many<'a, T: Cacheable>(
        &self,
        pairs: impl IntoIterator<Item = (&'a Key, &'a T)>,
        policy: &Policy,
    ) -> Result<()> {
        let mut newest = HashMap::new();
        for (at, (key, value)) in pairs.into_iter().enumerate() {
            newest.insert(*key.digest(), (at, self.request(key, policy), value));
        }
        let mut newest: Vec<_> = newest.into_values().collect();
        newest.iter().try_for_each(|(_, request, _)| request.can_be_tagged())?;
        newest.sort_unstable_by_key(|(at, ..)| *at);
        // Loads under way read older values: from here on they are not to keep them in L2, at the end not in L1.
        for (_, request, _) in &newest {
            self.fence().bump(&request.digest, || {});
        }
        let begun = newest.into_iter().map(|(_, request, value)| Put { begun: request.begin(), request, value });
        let puts: Vec<Put<'_, T>> = begun.collect();
        match self.open_l2()? {
            None => puts.iter().for_each(Put::keep_here),
            Some(guard) => {
                let guard = guard.clone();
                for puts in puts.chunks(AT_ONCE) {
                    self.put_all(&guard, puts).await?;
                }
            }
        }
        Ok(())
    }

    /// L2 first, the others told in the same step, then memory.
    async fn put_all<T: Cacheable>(&self, guard: &Guard, puts: &[Put<'_, T>]) -> Result<()> {
        let stamps = self.stamps_of(guard, puts).await?;
        let sealed = puts.iter().map(|put| put.seal(&stamps)).collect::<Result<Vec<_>>>()?;
        let (sent, entries): (Vec<_>, Vec<_>) = sealed.into_iter().unzip();
        let keys: Vec<Removed> = puts.iter().map(Put::removed).collect();
        let tell = self.inner.tell(&News::Keys(keys.clone()));
        let message = tell.message.clone();
        // Without L2's answer nobody knows which values it holds: then memory is not to hold the older ones.
        let unknown = Local::when_dropped(|| puts.iter().for_each(|put| self.forget(&put.request.digest)));
        let started = Instant::now();
        let written = write_many(guard, puts, sent, tell).await;
        for Put { request, .. } in puts {
            request.region.counters.time(Timed::L2Write, started.elapsed());
            request.region.counters.count(if written.is_ok() { Event::Store } else { Event::StoreFailed });
        }
        let (place, later) = match written {
            Ok(written) => written,
            Err(error) => {
                // It may hold the older values, and be out of memory for the newer ones.
                self.carry_out(Removal::Keys(keys)).await?;
                return Err(error);
            }
        };
        self.inner.note_told(place.as_deref(), &message);
        unknown.cancel();
        puts.iter().zip(&entries).for_each(|(put, entry)| put.keep(Arc::clone(entry)));
        for ((room, filling), (put, entry)) in later.into_iter().zip(puts.iter().zip(&entries)) {
            room.put(&put.request, filling, entry);
        }
        Ok(())
    }

    /// The stamps of the puts' groups: a batch has few of them.
    async fn stamps_of<T: Cacheable>(&self, guard: &Guard, puts: &[Put<'_, T>]) -> Result<BTreeMap<Stamps, Vec<u64>>> {
        let life = puts.iter().map(|put| put.request.terms.longest()).max().unwrap_or_default();
        let groups: BTreeSet<Stamps> = puts.iter().map(|put| put.request.stamps()).collect();
        let made = groups.iter().map(|stamps| guard.stamp(stamps.clone(), life));
        let made = try_join_all(made.collect::<Vec<_>>()).await?;
        Ok(groups.into_iter().zip(made).collect())
    }
}

/// Puts values in L2, or if there is room for all of them to be written behind, leases in the place of what was there. Gives the place
/// in the log.
async fn write_many<T>(
    guard: &Guard,
    puts: &[Put<'_, T>],
    sent: Vec<Sent>,
    tell: Tell,
) -> Result<(Option<String>, Vec<(Place, Filling)>)> {
    let rooms = Place::of_all(puts.iter().zip(&sent).map(|(put, sent)| (&put.request, sent.bytes.len())));
    let Some(rooms) = rooms else { return Ok((guard.write_many(sent, tell).await?, Vec::new())) };
    let keys: Vec<_> = sent.iter().map(|sent| Arc::clone(&sent.key)).collect();
    let (place, leases) = Lease::put_many(guard, &keys, tell).await?;
    let fillings = leases.into_iter().zip(sent).map(|(lease, sent)| lease.with(sent.bytes, sent.life, sent.tags));
    Ok((place, rooms.into_iter().zip(fillings).collect()))
}

/// Runs operations of L2 side by side, so many at once that the last of them still ends within the deadline.
async fn side_by_side<F: Future>(operations: Vec<F>) -> Vec<F::Output> {
    let (mut operations, mut outputs) = (operations.into_iter(), Vec::new());
    while operations.len() > 0 {
        let some: Vec<F> = operations.by_ref().take(AT_ONCE).collect();
        outputs.extend(join_all(some).await);
    }
    outputs
}

/// A value on its way into both tiers.
struct Put<'a, T> {
    request: Request,
    begun: Begun,
    value: &'a T,
}

impl<T: Cacheable> Put<'_, T> {
    fn entry(&self, encoded: usize, until: Deadlines) -> Arc<AnyEntry> {
        let Self { request, begun, value } = self;
        let origin = request.origin(begun);
        AnyEntry::new(Some((*value).clone()), until, origin, encoded, &request.region.counters)
    }

    /// What L2 is given of it, and memory.
    fn seal(&self, stamps: &BTreeMap<Stamps, Vec<u64>>) -> Result<(Sent, Arc<AnyEntry>)> {
        let Self { request, begun, value } = self;
        let (key, groups) = (request.l2_key(), request.stamps());
        let stamped = request.region.groups.stamped(request.tags.hashes(), &stamps[&groups]);
        let (life, until) = given(request, begun.at);
        let Sealed { bytes, encoded } = seal(request, Some(*value), life, Duration::ZERO, stamped)?;
        let sent = Sent { key, bytes, is_lease: false, life: life.hard, tags: groups.tags };
        Ok((sent, self.entry(encoded, until)))
    }

    fn removed(&self) -> Removed {
        Removed { prefix: self.request.region.prefix.clone(), digest: self.request.digest }
    }

    /// In memory, after L2: not if something newer came while L2 was asked.
    fn keep(&self, entry: Arc<AnyEntry>) {
        let Request { cache, region, digest, .. } = &self.request;
        cache.fence().supersede(digest, self.begun.place, |holds| {
            if holds { region.named.l1.insert(*digest, entry) } else { region.named.l1.remove(digest) }
        });
        cache.flights().forget(digest);
    }

    /// In memory, where there is nothing else.
    fn keep_here(&self) {
        let Request { cache, region, digest, .. } = &self.request;
        let (_, until) = given(&self.request, self.begun.at);
        let entry = self.entry(print(self.value, false).map_or(0, |print| print.size), until);
        cache.fence().bump(digest, || region.named.l1.insert(*digest, entry));
        region.counters.count(Event::Store);
        cache.flights().forget(digest);
    }
}
