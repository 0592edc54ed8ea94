//! The path of an updater's call: a writer whose value is stored.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use futures_util::future::Either;

use super::{Addresses, Invalidation, Known, Later, Outcome};
use crate::entry::{Entry, Write};
use crate::value::Cacheable;

/// What a call of an updater invalidates, and the entry that it stores its value in.
///
/// Declared before the body, as an [`Invalidation`] is.
pub struct Update<S, X, T: Cacheable> {
    others: Invalidation<S, X>,
    entry: Entry<T>,
    /// While the body runs: dropped, it invalidates the entry.
    write: Option<Write<T>>,
}

impl<S, X> Invalidation<S, X> {
    /// Stores the value of the output in `entry`, besides.
    pub fn update<T>(self, entry: &Entry<T>) -> Update<S, X, T>
    where
        S: Outcome,
        S::Value: Holds<T>,
        T: Cacheable,
    {
        Update { others: self, entry: entry.clone(), write: None }
    }
}

impl<S, X, T: Cacheable> Update<S, X, T> {
    /// Takes the token, runs the body, and stores and invalidates before it gives the output.
    pub async fn guard<F>(&mut self, body: Pin<&mut F>) -> S::Output
    where
        S: Outcome,
        S::Value: Holds<T>,
        X: Later<S::Value>,
        F: Future<Output = S::Output>,
    {
        // Boxed, so that it costs the function's future a pointer.
        self.write = Box::pin(self.entry.begin_write()).await.ok();
        self.others.known.arm();
        let output = body.await;
        let ended = self.end(S::value(&output));
        Box::pin(ended).await;
        output
    }

    /// Begins all that is to be done: the value is stored before the others are invalidated, which may have been computed from it. What
    /// is given only waits for the end.
    fn end(&mut self, value: Option<&S::Value>) -> impl Future<Output = ()> + use<S, X, T>
    where
        S: Outcome,
        S::Value: Holds<T>,
        X: Later<S::Value>,
    {
        let Invalidation { known, later, always, .. } = &mut self.others;
        let write = self.write.take();
        let mut committing = None;
        match value {
            Some(value) => {
                later.add_to(value, known);
                match (value.held(), write) {
                    (Some(held), Some(write)) => committing = Some(write.begin_commit(held.clone())),
                    (_, write) => remove(&self.entry, write, known),
                }
            }
            None if *always => remove(&self.entry, write, known),
            None => {
                known.disarm();
                if let Some(write) = write {
                    write.cancel();
                }
            }
        }
        let (mut known, entry) = (std::mem::take(known), self.entry.clone());
        let mut begin = move |is_committed: bool| {
            if !is_committed {
                // L2 is still to be told: with the others, in one step.
                entry.add_to(&mut known);
            }
            let begun = known.begin();
            async move {
                if let Some(begun) = begun {
                    begun.await;
                }
            }
        };
        match committing {
            Some(committing) => Either::Left(committing.then(begin)),
            None => Either::Right(begin(true)),
        }
    }
}

/// The body was given up, or has panicked: nobody knows what it has written.
impl<S, X, T: Cacheable> Drop for Update<S, X, T> {
    fn drop(&mut self) {
        if self.write.is_some() {
            remove(&self.entry, self.write.take(), &mut self.others.known);
        }
    }
}

/// Has the entry invalidated with the others, instead of written.
fn remove<T: Cacheable>(entry: &Entry<T>, write: Option<Write<T>>, known: &mut Known) {
    entry.add_to(known);
    if let Some(write) = write {
        write.cancel();
    }
}

/// Says that a returned value is one of an `Entry<T>`, or none.
#[diagnostic::on_unimplemented(
    message = "the entry is of a `{T}`, and the function returns a `{Self}`",
    label = "not an entry of the returned value",
    note = "the first argument of `#[updates]` is the entry of what the function returns: a `T` or an `Option<T>`, in a `Result` or not",
    note = "entries of other values come after it, or are named in `#[invalidates]`"
)]
pub trait Holds<T> {
    /// The value, if there is one.
    fn held(&self) -> Option<&T>;
}

#[diagnostic::do_not_recommend]
impl<T> Holds<T> for T {
    fn held(&self) -> Option<&T> {
        Some(self)
    }
}

#[diagnostic::do_not_recommend]
impl<T> Holds<T> for Option<T> {
    fn held(&self) -> Option<&T> {
        self.as_ref()
    }
}

impl<S, X, T: Cacheable> fmt::Debug for Update<S, X, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Update")
    }
}
