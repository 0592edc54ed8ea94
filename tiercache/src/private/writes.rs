//! The path of a writer's call: what it invalidates is found before its body, and carried out after it, however it ends.

mod addresses;
mod outcome;
mod update;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

pub use addresses::{Addresses, Known, Later, Told};
pub use outcome::{Fallible, Infallible, Outcome, Returns, ReturnsPlain};
pub use update::{Holds, Update};

use crate::cache::Cache;
use crate::install::scoped;

/// No output. Its type tells rustc what a body returns, before it reads the body.
pub const fn none<S: Outcome>(_outcome: S) -> Option<S::Output> {
    None
}

/// What a call of a writer invalidates. `X` are the addresses that the value it returns will tell.
///
/// It is declared before the body, so that it is dropped after it: a body that panicked or was given up may have written, until
/// its last local is gone.
pub struct Invalidation<S, X = ()> {
    /// The cache that is current, for what names none.
    cache: Option<Cache>,
    known: Known,
    later: X,
    always: bool,
    outcome: PhantomData<fn() -> S>,
}

impl<S> Invalidation<S> {
    /// Nothing yet.
    pub fn new(_outcome: S) -> Self {
        let cache = scoped().or_else(Cache::installed);
        Self { cache, known: Known::default(), later: (), always: false, outcome: PhantomData }
    }
}

impl<S, X> Invalidation<S, X> {
    /// Adds an address, or several.
    #[must_use]
    pub fn entry<A: Addresses + ?Sized>(mut self, addresses: &A) -> Self {
        addresses.add_to(&mut self.known);
        self
    }

    /// Adds a prefix, with all below it.
    #[must_use]
    pub fn prefix(mut self, prefix: &'static str) -> Self {
        if let Some(cache) = &self.cache {
            self.known.of(cache).prefixes.push(prefix);
        }
        self
    }

    /// Adds all that carries a tag.
    #[must_use]
    pub fn tag<T: fmt::Display + ?Sized>(mut self, tag: &T) -> Self {
        if let Some(cache) = &self.cache {
            self.known.of(cache).tags.add(tag);
        }
        self
    }

    /// Adds the whole namespace.
    #[must_use]
    pub fn everything(mut self) -> Self {
        if let Some(cache) = &self.cache {
            self.known.of(cache).everything = true;
        }
        self
    }

    /// After an `Err` as well.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.always = true;
        self
    }

    /// Adds what the value will tell. A function pointer, because the body may have moved what a closure would capture.
    #[must_use]
    pub fn then<A>(self, addresses: fn(&S::Value) -> A) -> Invalidation<S, Told<X, S::Value, A>>
    where
        S: Outcome,
        A: Addresses,
    {
        let Self { cache, known, later, always, outcome } = self;
        Invalidation { cache, known, later: (later, addresses), always, outcome }
    }

    /// Runs the body, and invalidates before it gives the output.
    pub async fn guard<F>(&mut self, body: Pin<&mut F>) -> S::Output
    where
        S: Outcome,
        X: Later<S::Value>,
        F: Future<Output = S::Output>,
    {
        self.known.arm();
        let output = body.await;
        match S::value(&output) {
            Some(value) => self.later.add_to(value, &mut self.known),
            None if self.always => {}
            None => self.known.disarm(),
        }
        // Boxed, so that it costs the function's future a pointer.
        if let Some(begun) = self.known.begin() {
            Box::pin(begun).await;
        }
        output
    }
}

impl<S, X> fmt::Debug for Invalidation<S, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invalidation")
    }
}
