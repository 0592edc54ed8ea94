//! Return shapes: what of a function's output is kept.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::Cacheable;

/// An error of a load that its waiters share.
pub(crate) type SharedError = Arc<dyn Any + Send + Sync>;

/// What a body's output means to the cache.
#[derive(Debug)]
pub enum Kept<'a, T> {
    /// A value to keep.
    Value(&'a T),
    /// There is none (`None`): kept only if the policy has a `none_ttl`.
    Absent,
    /// An error: never kept.
    Failed,
}

/// How an output is taken apart and put together again.
///
/// MUST hold: `hit(v)` gives an output whose `keep` is `Value(v)`.
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

    /// What of this output is kept.
    fn keep(output: &Self::Output) -> Kept<'_, Self::Value>;

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

impl<T: Cacheable> Shape for Plain<T> {
    type Output = T;
    type Value = T;

    #[inline]
    fn hit(value: T) -> T {
        value
    }

    fn keep(output: &T) -> Kept<'_, T> {
        Kept::Value(output)
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

    fn keep(output: &Option<T>) -> Kept<'_, T> {
        output.as_ref().map_or(Kept::Absent, Kept::Value)
    }
}

impl<T: Cacheable, E> Shape for ResultOf<T, E> {
    type Output = Result<T, E>;
    type Value = T;

    #[inline]
    fn hit(value: T) -> Result<T, E> {
        Ok(value)
    }

    fn keep(output: &Result<T, E>) -> Kept<'_, T> {
        output.as_ref().map_or(Kept::Failed, Kept::Value)
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

    fn keep(output: &Result<Option<T>, E>) -> Kept<'_, T> {
        match output {
            Ok(value) => value.as_ref().map_or(Kept::Absent, Kept::Value),
            Err(_) => Kept::Failed,
        }
    }
}

impl<T: Cacheable, E: Clone + Send + Sync + 'static> Shape for SharedResultOf<T, E> {
    type Output = Result<T, E>;
    type Value = T;

    #[inline]
    fn hit(value: T) -> Result<T, E> {
        Ok(value)
    }

    fn keep(output: &Result<T, E>) -> Kept<'_, T> {
        ResultOf::<T, E>::keep(output)
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

    fn keep(output: &Result<Option<T>, E>) -> Kept<'_, T> {
        ResultOptionOf::<T, E>::keep(output)
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
