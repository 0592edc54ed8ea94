//! A typed address: where one cached value lives.

mod write;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::cache::{Cache, Region, Request, Writing, peek, set};
use crate::coherence::tags::Tags;
use crate::error::{Error, ErrorKind, Result};
use crate::key::{Digest, l2_key};
use crate::value::Cacheable;

pub use write::Write;

/// The address of one cached value: what `get_user_entry(id)` gives for a cached `get_user(id)`, and what
/// [`entry!`](crate::entry) declares.
///
/// It belongs to the cache that was current when it was made: the installed one, or that of the `scope` around.
#[must_use = "an address does nothing by itself: call `peek`, `set` or `invalidate`"]
pub struct Entry<T> {
    place: Result<Place, &'static str>,
    value: PhantomData<fn() -> T>,
}

#[derive(Clone)]
struct Place {
    cache: Cache,
    region: Arc<Region>,
    digest: Digest,
    tags: Tags,
}

const NOT_INSTALLED: &str = "no cache is installed: build one and call `install()`, or use it in a `scope()`";
const NO_KEY: &str = "the key's parts could not be serialized";

impl<T> Entry<T> {
    pub(crate) fn at(cache: Cache, region: Arc<Region>, digest: Result<Digest>, tags: Tags) -> Self {
        let place = digest.map(|digest| Place { cache, region, digest, tags }).map_err(|_| NO_KEY);
        Self { place, value: PhantomData }
    }

    pub(crate) fn nowhere() -> Self {
        Self { place: Err(NOT_INSTALLED), value: PhantomData }
    }

    /// The key in L2: `{namespace}:{prefix}:{64 hex}`.
    ///
    /// # Errors
    ///
    /// `ErrorKind::NotInstalled` if no cache was current; `ErrorKind::Encode` if a part of the key cannot be serialized.
    pub fn key(&self) -> Result<String> {
        let place = self.place()?;
        Ok(l2_key(place.cache.namespace(), &place.region.prefix, &place.digest))
    }

    /// Removes the value from both tiers.
    ///
    /// # Errors
    ///
    /// As [`Entry::key`], and as [`Cache::invalidate`].
    ///
    /// # Cancel safety
    ///
    /// Dropped after it was first polled, it is carried out all the same, in this process and in L2.
    pub async fn invalidate(&self) -> Result<()> {
        let place = self.place()?;
        place.cache.invalidate_in(&place.region, &place.digest).await
    }

    /// Removes the value from both tiers, soon: see [`Cache::queue_invalidation`].
    ///
    /// # Errors
    ///
    /// As [`Entry::key`].
    pub fn queue_invalidation(&self) -> Result<()> {
        let place = self.place()?;
        place.cache.queue_in(&place.region, &place.digest);
        Ok(())
    }

    fn place(&self) -> Result<&Place> {
        self.place.as_ref().map_err(|&text| {
            let kind = if text == NO_KEY { ErrorKind::Encode } else { ErrorKind::NotInstalled };
            Error::new(kind, text)
        })
    }

    /// What a function that is cached here asks for; `None` if there is no cache.
    pub(crate) fn request(&self) -> Option<Request> {
        self.place.as_ref().ok().map(Place::request)
    }
}

impl Place {
    fn request(&self) -> Request {
        Request { tags: self.tags.clone(), ..Request::new(&self.cache, &self.region, self.digest) }
    }
}

impl<T: Cacheable> Entry<T> {
    /// The value, if a tier has it. Never loads, and is not counted as a request. Without a cache there is none.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn peek(&self) -> Option<T> {
        peek(&self.request()?).await.flatten()
    }

    /// Stores a value that you have: L2 first, then memory. For data with one writer: the slower of two would win.
    /// Where there may be several, see [`Entry::begin_write`]. Under [`WriteMode::Behind`](crate::WriteMode::Behind), as [`Cache::set`].
    ///
    /// # Errors
    ///
    /// As [`Entry::key`]; else L2's error, or `ErrorKind::Encode` or `TooLarge` for a value that cannot be stored.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, it may have stored in L2 and not in memory.
    pub async fn set(&self, value: T) -> Result<()> {
        let place = self.place()?;
        set(&place.request(), &value).await
    }

    /// Begins a write of what this value is read from, before it is written: takes a token, by which the commit knows whether it is
    /// the newest. So of two writers that overlap, the slower one does not bring its older value back.
    ///
    /// Where nothing is cached, others wait for the commit for up to 3 s instead of loading what is about to change. Where L2 does not
    /// answer there is no token, and the commit invalidates instead of storing.
    ///
    /// If others wait for an older value that this instance has queued ([`WriteMode::Behind`](crate::WriteMode::Behind)), it waits until that
    /// is stored, for one `l2_deadline` at most: stored later, it would look like another writer's, and the entry would be left empty, as it is
    /// by one that another instance has queued.
    ///
    /// ```
    /// # use tiercache::{Cache, cached};
    /// # async fn update(_id: u64, name: &str) -> std::io::Result<String> { Ok(name.to_owned()) }
    /// #[cached(prefix = "user")]
    /// async fn user_name(id: u64) -> Result<String, std::io::Error> {
    ///     Ok(format!("user {id}"))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cache = Cache::builder().build().await?;
    /// # cache.scope(async {
    /// let write = user_name_entry(1).begin_write().await?;
    /// let name = update(1, "Ada").await?; // with `?` the write is dropped, and the entry invalidated
    /// write.commit(name).await?;
    /// assert_eq!(user_name(1).await?, "Ada");
    /// # Ok(()) }).await }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Entry::key`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn begin_write(&self) -> Result<Write<T>> {
        let place = self.place()?;
        Ok(Write::of(Writing::begin(place.request()).await))
    }
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self { place: self.place.clone(), value: PhantomData }
    }
}

impl<T> fmt::Debug for Entry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key().ok()).finish()
    }
}
