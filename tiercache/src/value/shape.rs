//! Return shapes: what of a function's output is kept.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::Cacheable;

/// An error of a load that its waiters share.
pub(crate) type SharedError = Arc<dyn Any + Send + Sync>;

/// A body's output, taken apart.
#[derive(Debug)]
pub enum Split<T, O> {
    /// A value to keep; `None` is kept only if the policy has a `none_ttl`.
    Kept(Option<T>),
    /// An error, which is never kept, as it came.
    Failed(O),
}

/// How an output is taken apart and put together again.
///
/// MUST hold: `output` puts together what `split` took apart.
pub trait Shape: Copy {
    /// What the function returns.
    type Output;
    /// What is stored of it.
    type Value: Cacheable;

    /// The output for a stored value.
    fn hit(value: Self::Value) -> Self::Output;

    /// The output for a kept absence; `None` if this shape has none.
    fn absence() -> Option<Self::Output> {
        None
    }

    /// The output for what an entry holds.
    fn output(stored: Option<Self::Value>) -> Option<Self::Output> {
        stored.map_or_else(Self::absence, |value| Some(Self::hit(value)))
    }

    /// What of this output is kept. By value: an error need not be `Send`, and is not held while a value is stored.
    fn split(output: Self::Output) -> Split<Self::Value, Self::Output>;

    /// The error of this output, if waiters can share it.
    fn share(_output: &Self::Output) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }

    /// The output made of another caller's shared error.
    fn joined(_error: &(dyn Any + Send + Sync)) -> Option<Self::Output> {
        None
    }
}

/// Says that a shape stores `T`: links a function to its typed address.
#[diagnostic::on_unimplemented(
    message = "what this function returns is stored as another type than `{T}`",
    label = "the companion's type was read from the spelling as `{T}`",
    note = "an alias hides the stored type: name it with `value = …`, or make no companion with `entry = false`"
)]
pub trait Stores<T> {}

/// Says that a shape has an absence to keep.
#[diagnostic::on_unimplemented(
    message = "there is no `None` to keep in what this function returns",
    label = "`none_ttl` is for `Option<T>` and `Result<Option<T>, E>`",
    note = "leave `none_ttl` out, or return an `Option`"
)]
pub trait HasAbsence {}

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident<$($param:ident),+> stores $value:ident;)+) => {$(
        $(#[$doc])*
        pub struct $name<$($param),+>(PhantomData<fn() -> ($($param,)+)>);

        impl<$($param),+> Clone for $name<$($param),+> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<$($param),+> Copy for $name<$($param),+> {}

        impl<$($param),+> fmt::Debug for $name<$($param),+> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($param),+> Stores<$value> for $name<$($param),+> {}

        impl<$($param),+> $name<$($param),+> {
            pub(super) const NEW: Self = Self(PhantomData);

            /// This shape, if it stores `V`.
            pub fn of<V>(self) -> Self
            where
                Self: Stores<V>,
            {
                self
            }

            /// This shape, if it has an absence to keep.
            pub fn with_none(self) -> Self
            where
                Self: HasAbsence,
            {
                self
            }
        }
    )+};
}

shapes! {
    /// `T`.
    Plain<T> stores T;
    /// `Option<T>`.
    OptionOf<T> stores T;
    /// `Result<T, E>`; waiters of a failed load run their own.
    ResultOf<T, E> stores T;
    /// `Result<T, E>` whose error the waiters share.
    SharedResultOf<T, E> stores T;
    /// `Result<Option<T>, E>`; waiters of a failed load run their own.
    ResultOptionOf<T, E> stores T;
    /// `Result<Option<T>, E>` whose error the waiters share.
    SharedResultOptionOf<T, E> stores T;
}

impl<T> HasAbsence for OptionOf<T> {}
impl<T, E> HasAbsence for ResultOptionOf<T, E> {}
impl<T, E> HasAbsence for SharedResultOptionOf<T, E> {}

impl<T: Cacheable> Shape for Plain<T> {
    type Output = T;
    type Value = T;

    #[inline]
    fn hit(value: T) -> T {
        value
    }

    fn split(output: T) -> Split<T, T> {
        Split::Kept(Some(output))
    }
}

impl<T: Cacheable> Shape for OptionOf<T> {
    type Output = Option<T>;
    type Value = T;

    #[inline]
    fn hit(value: T) -> Option<T> {
        Some(value)
    }

    #[inline]
    fn absence() -> Option<Option<T>> {
        Some(None)
    }

    fn split(output: Option<T>) -> Split<T, Option<T>> {
        Split::Kept(output)
    }
}

impl<T: Cacheable, E> Shape for ResultOf<T, E> {
    type Output = Result<T, E>;
    type Value = T;

    #[inline]
    fn hit(value: T) -> Result<T, E> {
        Ok(value)
    }

    fn split(output: Result<T, E>) -> Split<T, Result<T, E>> {
        output.map_or_else(|error| Split::Failed(Err(error)), |value| Split::Kept(Some(value)))
    }
}

impl<T: Cacheable, E> Shape for ResultOptionOf<T, E> {
    type Output = Result<Option<T>, E>;
    type Value = T;

    #[inline]
    fn hit(value: T) -> Result<Option<T>, E> {
        Ok(Some(value))
    }

    #[inline]
    fn absence() -> Option<Result<Option<T>, E>> {
        Some(Ok(None))
    }

    fn split(output: Result<Option<T>, E>) -> Split<T, Result<Option<T>, E>> {
        output.map_or_else(|error| Split::Failed(Err(error)), Split::Kept)
    }
}

impl<T: Cacheable, E: Clone + Send + Sync + 'static> Shape for SharedResultOf<T, E> {
    type Output = Result<T, E>;
    type Value = T;

    #[inline]
    fn hit(value: T) -> Result<T, E> {
        Ok(value)
    }

    fn split(output: Result<T, E>) -> Split<T, Result<T, E>> {
        ResultOf::<T, E>::split(output)
    }

    fn share(output: &Result<T, E>) -> Option<SharedError> {
        share(output)
    }

    fn joined(error: &(dyn Any + Send + Sync)) -> Option<Result<T, E>> {
        joined(error)
    }
}

impl<T: Cacheable, E: Clone + Send + Sync + 'static> Shape for SharedResultOptionOf<T, E> {
    type Output = Result<Option<T>, E>;
    type Value = T;

    #[inline]
    fn hit(value: T) -> Result<Option<T>, E> {
        Ok(Some(value))
    }

    #[inline]
    fn absence() -> Option<Result<Option<T>, E>> {
        Some(Ok(None))
    }

    fn split(output: Result<Option<T>, E>) -> Split<T, Result<Option<T>, E>> {
        ResultOptionOf::<T, E>::split(output)
    }

    fn share(output: &Result<Option<T>, E>) -> Option<SharedError> {
        share(output)
    }

    fn joined(error: &(dyn Any + Send + Sync)) -> Option<Result<Option<T>, E>> {
        joined(error)
    }
}

fn share<T, E: Clone + Send + Sync + 'static>(output: &Result<T, E>) -> Option<SharedError> {
    output.as_ref().err().map(|error| Arc::new(error.clone()) as SharedError)
}

fn joined<T, E: Clone + 'static>(error: &(dyn Any + Send + Sync)) -> Option<Result<T, E>> {
    error.downcast_ref::<E>().map(|error| Err(error.clone()))
}
