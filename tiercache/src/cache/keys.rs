//! The keys that L2 holds, page by page.

use std::fmt;
use std::future::{Future, ready as ready_with};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::coherence::groups::covers;
use crate::error::Result;
use crate::guard::Guard;
use crate::store::Page;

use super::Cache;

/// A stream of keys in L2: see [`Cache::keys`]. An error is its last item.
///
/// Cancel safe: dropped, it stops asking.
#[must_use = "a stream does nothing until it is polled"]
pub struct Keys {
    cache: Cache,
    pattern: String,
    found: std::vec::IntoIter<String>,
    state: State,
}

enum State {
    /// The next page begins here.
    At(u64),
    Asking(Pin<Box<dyn Future<Output = Result<Page>> + Send>>),
    Over,
}

impl Keys {
    pub(super) fn new(cache: &Cache, pattern: String) -> Self {
        Self { cache: cache.clone(), pattern, found: Vec::new().into_iter(), state: State::At(0) }
    }

    fn ask(&self, cursor: u64) -> State {
        let start = self.start();
        match self.cache.open_l2().map(Option::<&Guard>::cloned) {
            Ok(Some(guard)) => State::Asking(Box::pin(async move { guard.scan(start, cursor).await })),
            Ok(None) => State::Over,
            Err(closed) => State::Asking(Box::pin(ready_with(Err(closed)))),
        }
    }

    fn start(&self) -> String {
        format!("{}:", self.cache.namespace())
    }

    /// Takes in a page; an error ends the stream.
    fn take(&mut self, page: Result<Page>) -> Result<()> {
        self.state = State::Over;
        let Page { keys, next } = page?;
        if let Some(cursor) = next {
            self.state = State::At(cursor);
        }
        let start = self.start();
        let keys =
            keys.into_iter().filter(|key| prefix_of(key, &start).is_some_and(|prefix| covers(&self.pattern, prefix)));
        self.found = keys.collect::<Vec<_>>().into_iter();
        Ok(())
    }
}

impl Stream for Keys {
    type Item = Result<String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<String>>> {
        loop {
            if let Some(key) = self.found.next() {
                return Poll::Ready(Some(Ok(key)));
            }
            let page = match &mut self.state {
                State::Over => return Poll::Ready(None),
                State::At(cursor) => {
                    let cursor = *cursor;
                    self.state = self.ask(cursor);
                    continue;
                }
                State::Asking(page) => ready!(page.as_mut().poll(cx)),
            };
            if let Err(error) = self.take(page) {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("pattern", &self.pattern).finish_non_exhaustive()
    }
}

/// The prefix of an entry's key, `{namespace}:{prefix}:{64 hex}`; other keys of the namespace have none.
pub(super) fn prefix_of<'a>(key: &'a str, start: &str) -> Option<&'a str> {
    let (prefix, hex) = key.strip_prefix(start)?.rsplit_once(':')?;
    (hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(prefix)
}
