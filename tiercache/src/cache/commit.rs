//! Writing through: a token is taken before the write, and the value is stored only over what the token names.
//!
//! Of two writers that overlap, the second to commit finds another nonce in the place: nobody knows which of them wrote last, so
//! the key is left empty, and the next read loads. A plain store would let the slower one bring its older value back.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::Either;
use tokio::task::JoinHandle;

use crate::error::{Error, ErrorKind, Result};
use crate::guard::Io;
use crate::l1::{AnyEntry, Deadlines};
use crate::stats::Event;
use crate::store::Committed;
use crate::time::Moment;
use crate::value::Cacheable;
use crate::value::print::print;

use super::behind::Place;
use super::fill::{Fill, token};
use super::invalidate::batch::{Batch, report};
use super::life::Life;
use super::request::{Begun, Request};
use super::write::{Sealed, given, seal, timed};

/// A write that has begun. Dropped, it invalidates: nobody knows whether it was done.
pub(crate) struct Writing {
    request: Request,
    begun: Begun,
    /// None without L2, and where L2 gave none.
    token: Option<Fill>,
    is_open: bool,
}

/// A commit that is carried out, whether anybody waits for it or not.
#[must_use = "it goes on by itself, but who wants to know that it is over waits for its end"]
pub(crate) struct Committing(Option<(Arc<Io>, JoinHandle<Result<()>>)>);

impl Committing {
    /// Waits until it is over.
    pub(crate) async fn end(self) -> Result<()> {
        match self.0 {
            Some((_, task)) => {
                task.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::NotInstalled, "the cache is closed")))
            }
            None => Ok(()),
        }
    }

    /// Begins what comes after it, with whether it was carried out, once it is over: that too goes on by itself. What is given only
    /// waits for the end. A failure is logged, as nobody is told.
    pub(crate) fn then<F>(self, next: impl FnOnce(bool) -> F + Send + 'static) -> impl Future<Output = ()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let begun = match &self.0 {
            None => Either::Left(next(true)),
            Some((io, _)) => Either::Right(Arc::clone(io).spawn(async move {
                let committed = self.end().await;
                report(&committed);
                next(committed.is_ok()).await;
            })),
        };
        async move {
            match begun {
                Either::Left(next) => next.await,
                // A task that is dropped was on the thread of a cache that is gone.
                Either::Right(task) => drop(task.await),
            }
        }
    }
}

impl Writing {
    /// Takes the place at the fence, and then the token.
    ///
    /// Cancel safe: nothing has been written.
    pub(crate) async fn begin(request: Request) -> Self {
        let request = request.paced();
        let begun = request.begin();
        let token = token(&request).await;
        Self { request, begun, token, is_open: true }
    }

    /// The key in L2.
    pub(crate) fn key(&self) -> Arc<str> {
        self.request.l2_key()
    }

    /// Nothing was written.
    pub(crate) fn cancel(mut self) {
        self.is_open = false;
    }

    /// Begins to store what was written: in memory at once if there is nothing else, or else by a task of the cache's own.
    pub(crate) fn commit<T: Cacheable>(self, value: T) -> Committing {
        let cache = &self.request.cache;
        let (life, until) = given(&self.request, Moment::now());
        if cache.inner.l2.is_none() {
            let encoded = print(&value, false).map_or(0, |print| print.size);
            self.keep(value, encoded, until);
            return Committing(None);
        }
        let stamps = self.token.as_ref().map(|token| token.stamps.clone());
        let sealed = stamps.and_then(|stamps| seal(&self.request, Some(&value), life, Duration::ZERO, stamps).ok());
        let io = cache.inner.io.clone();
        let task = io.spawn(self.carry_out(value, sealed, (life, until)));
        Committing(Some((io, task)))
    }

    /// L2 first, then this process. What cannot be stored is invalidated: that needs no token, and no memory in L2.
    async fn carry_out<T: Cacheable>(
        mut self,
        value: T,
        sealed: Option<Sealed>,
        (life, until): (Life, Deadlines),
    ) -> Result<()> {
        let Some((token, sealed)) = self.token.take().zip(sealed) else { return self.invalidate().await };
        let tell = self.request.cache.tell_of(&self.request.region, &self.request.digest);
        let message = tell.message.clone();
        let tags = self.request.stamps().tags;
        let (lease, bytes, encoded) = (token.lease, sealed.bytes, sealed.encoded);
        let room = Place::of(&self.request, bytes.len());
        let write = async {
            match room {
                None => Ok((lease.commit(bytes, life.hard, tags, tell).await?, None)),
                Some(room) => {
                    let (committed, lease) = lease.exchange(tell).await?;
                    Ok((committed, lease.map(|lease| (room, lease.with(bytes, life.hard, tags)))))
                }
            }
        };
        let Ok((Committed { stored, place }, later)) = timed(&self.request, write).await else {
            return self.invalidate().await;
        };
        self.request.cache.inner.note_told(place.as_deref(), &message);
        if !stored {
            self.forget();
            return Ok(());
        }
        let later = later.map(|(room, filling)| (room, filling, self.request.clone()));
        let entry = self.keep(value, encoded, until);
        if let Some((room, filling, request)) = later {
            room.put(&request, filling, &entry);
        }
        Ok(())
    }

    /// Keeps in memory what L2 has, unless something newer came since the token.
    fn keep<T: Cacheable>(mut self, value: T, encoded: usize, until: Deadlines) -> Arc<AnyEntry> {
        let (begun, Request { cache, region, digest, .. }) = (self.begun, &self.request);
        let entry = AnyEntry::new(Some(value), until, self.request.origin(&begun), encoded, &region.counters);
        let l1 = &region.named.l1;
        cache.fence().supersede(digest, begun.place, |holds| {
            if holds { l1.insert(*digest, Arc::clone(&entry)) } else { l1.remove(digest) }
        });
        cache.flights().forget(digest);
        region.counters.count(Event::Store);
        self.is_open = false;
        entry
    }

    /// L2 has removed what was there, and told it.
    fn forget(mut self) {
        self.request.cache.forget(&self.request.digest);
        self.request.region.counters.count(Event::Invalidation);
        self.is_open = false;
    }

    async fn invalidate(mut self) -> Result<()> {
        self.is_open = false;
        self.request.cache.invalidate_in(&self.request.region, &self.request.digest).await
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if self.is_open {
            let Request { cache, region, digest, .. } = &self.request;
            // It goes on by itself.
            drop(cache.begin(Batch { values: vec![(region.clone(), *digest)], ..Batch::default() }));
        }
    }
}
