//! Whether a writer has succeeded, found by the type it returns: the ladder of `value/returns.rs`, with two rungs.

#![allow(clippy::unused_self, reason = "the receiver is what the ladder is climbed by")]

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

/// How an output tells whether its function has succeeded.
pub trait Outcome: Copy {
    /// What the function returns.
    type Output;
    /// What it returns when it succeeds.
    type Value;

    /// The value of this output, if it is a success.
    fn value(output: &Self::Output) -> Option<&Self::Value>;
}

macro_rules! plain_types {
    ($($(#[$doc:meta])* $name:ident<$($param:ident),+>;)+) => {$(
        $(#[$doc])*
        pub struct $name<$($param),+>(PhantomData<fn() -> ($($param,)+)>);

        impl<$($param),+> fmt::Debug for $name<$($param),+> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }

        impl<$($param),+> Clone for $name<$($param),+> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<$($param),+> Copy for $name<$($param),+> {}
    )+};
}

plain_types! {
    /// The top of the ladder: a `Result`.
    Returns<R>;
    /// The last rung: any other value.
    ReturnsPlain<R>;
    /// `Result<T, E>`, of which `Ok` is a success.
    Fallible<T, E>;
    /// `T`, which always is.
    Infallible<T>;
}

impl<R> Returns<R> {
    /// The ladder for the return type `R`.
    pub const NEW: Self = Self(PhantomData);
}

impl<R> Deref for Returns<R> {
    type Target = ReturnsPlain<R>;

    fn deref(&self) -> &ReturnsPlain<R> {
        const { &ReturnsPlain(PhantomData) }
    }
}

impl<T, E> Returns<Result<T, E>> {
    /// The outcome found by type.
    pub const fn outcome(&self) -> Fallible<T, E> {
        Fallible(PhantomData)
    }
}

impl<R> ReturnsPlain<R> {
    /// The outcome found by type.
    pub const fn outcome(&self) -> Infallible<R> {
        Infallible(PhantomData)
    }
}

impl<T, E> Outcome for Fallible<T, E> {
    type Output = Result<T, E>;
    type Value = T;

    fn value(output: &Result<T, E>) -> Option<&T> {
        output.as_ref().ok()
    }
}

impl<T> Outcome for Infallible<T> {
    type Output = T;
    type Value = T;

    fn value(output: &T) -> Option<&T> {
        Some(output)
    }
}
