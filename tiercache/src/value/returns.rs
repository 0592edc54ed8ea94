//! The ladder that finds a return shape by type.
//!
//! Inherent methods are found before those of the `Deref` target, so the first rung whose type and bounds fit answers. An alias is
//! its type; a bare type parameter fits only the last rung, a plain value.

#![allow(clippy::unused_self, reason = "the receiver is what the ladder is climbed by")]

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use super::shape::{OptionOf, Plain, ResultOf, ResultOptionOf, SharedResultOf, SharedResultOptionOf};

macro_rules! rungs {
    ($($(#[$doc:meta])* $rung:ident => $next:ident;)+) => {$(
        $(#[$doc])*
        pub struct $rung<R>(PhantomData<fn() -> R>);

        impl<R> fmt::Debug for $rung<R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($rung))
            }
        }

        impl<R> Deref for $rung<R> {
            type Target = $next<R>;

            fn deref(&self) -> &$next<R> {
                const { &$next(PhantomData) }
            }
        }
    )+};
}

rungs! {
    /// The top of the ladder: `Result<Option<T>, E>` with an error that can be shared.
    Returns => ReturnsResultOption;
    /// `Result<Option<T>, E>`.
    ReturnsResultOption => ReturnsSharedResult;
    /// `Result<T, E>` with an error that can be shared.
    ReturnsSharedResult => ReturnsEither;
    /// `Result<T, E>` or `Option<T>`.
    ReturnsEither => ReturnsPlain;
}

/// The last rung: anything is a plain value.
pub struct ReturnsPlain<R>(PhantomData<fn() -> R>);

impl<R> fmt::Debug for ReturnsPlain<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReturnsPlain")
    }
}

impl<R> Returns<R> {
    /// The ladder for the return type `R`.
    pub const NEW: Self = Self(PhantomData);
}

impl<T, E: Clone + Send + Sync + 'static> Returns<Result<Option<T>, E>> {
    /// The shape found by type.
    pub const fn shape(&self) -> SharedResultOptionOf<T, E> {
        SharedResultOptionOf::NEW
    }
}

impl<T, E> ReturnsResultOption<Result<Option<T>, E>> {
    /// The shape, by type, whose error is not shared: it may borrow.
    pub const fn unshared(&self) -> ResultOptionOf<T, E> {
        ResultOptionOf::NEW
    }

    /// The shape found by type.
    pub const fn shape(&self) -> ResultOptionOf<T, E> {
        ResultOptionOf::NEW
    }
}

impl<T, E: Clone + Send + Sync + 'static> ReturnsSharedResult<Result<T, E>> {
    /// The shape found by type.
    pub const fn shape(&self) -> SharedResultOf<T, E> {
        SharedResultOf::NEW
    }
}

impl<T, E> ReturnsEither<Result<T, E>> {
    /// The shape, by type, whose error is not shared: it may borrow.
    pub const fn unshared(&self) -> ResultOf<T, E> {
        ResultOf::NEW
    }

    /// The shape found by type.
    pub const fn shape(&self) -> ResultOf<T, E> {
        ResultOf::NEW
    }
}

impl<T> ReturnsEither<Option<T>> {
    /// The shape, by type, whose error is not shared: it may borrow.
    pub const fn unshared(&self) -> OptionOf<T> {
        OptionOf::NEW
    }

    /// The shape found by type.
    pub const fn shape(&self) -> OptionOf<T> {
        OptionOf::NEW
    }
}

impl<T> ReturnsPlain<T> {
    /// The shape, by type, whose error is not shared: it may borrow.
    pub const fn unshared(&self) -> Plain<T> {
        Plain::NEW
    }

    /// The shape found by type.
    pub const fn shape(&self) -> Plain<T> {
        Plain::NEW
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::shape::{Shape, Split};

    type Alias<T> = Result<T, String>;

    struct NotClone;

    fn name(shape: impl fmt::Debug) -> String {
        format!("{shape:?}")
    }

    #[test]
    fn the_shape_is_found_by_type() {
        assert_eq!(name(Returns::<Alias<u8>>::NEW.shape()), "SharedResultOf");
        assert_eq!(name(Returns::<Alias<Option<u8>>>::NEW.shape()), "SharedResultOptionOf");
        assert_eq!(name(Returns::<Result<u8, NotClone>>::NEW.shape()), "ResultOf");
        assert_eq!(name(Returns::<std::io::Result<Option<u8>>>::NEW.shape()), "ResultOptionOf");
        assert_eq!(name(Returns::<Option<u8>>::NEW.shape()), "OptionOf");
        assert_eq!(name(Returns::<Vec<u8>>::NEW.shape()), "Plain");
    }

    #[test]
    fn a_bare_type_parameter_is_a_plain_value() {
        fn shape_of<T>() -> String {
            name(Returns::<T>::NEW.shape())
        }
        assert_eq!(shape_of::<Option<u8>>(), "Plain");
    }

    #[test]
    fn a_hit_is_kept_as_what_it_was() {
        let output = SharedResultOptionOf::<u8, String>::hit(7);
        assert!(matches!(SharedResultOptionOf::<u8, String>::split(output), Split::Kept(Some(7))));
        assert!(matches!(OptionOf::<u8>::split(None), Split::Kept(None)));
        assert!(matches!(ResultOf::<u8, NotClone>::split(Err(NotClone)), Split::Failed(Err(NotClone))));
        assert_eq!((Plain::<u8>::output(None), OptionOf::<u8>::output(None)), (None, Some(None)));
    }
}
