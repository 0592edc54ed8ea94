//! Calls of functions whose bodies have a time limit, or can outlive their callers.

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::cache::{Cache, Keep, Owned, load_owned, within};
use crate::error::TimedOut;
use crate::install::scoped;
use crate::stats::Source;
use crate::value::Cacheable;
use crate::value::shape::{ResultOf, ResultOptionOf, Shape, SharedResultOf, SharedResultOptionOf};

use super::lookup::Call;

/// `cache_if` as what is kept.
pub fn keep_if<S: Shape>(_shape: S, keep: impl Fn(&S::Value) -> bool) -> impl Fn(&S::Value) -> Keep {
    move |value| keep(value).into()
}

/// `ttl_from` as what is kept.
pub fn ttl_from<S: Shape>(_shape: S, life: impl Fn(&S::Value) -> Duration) -> impl Fn(&S::Value) -> Keep {
    move |value| Keep::For(life(value))
}

/// Both: the life of a value that is kept.
pub fn both<S: Shape>(
    _shape: S,
    keep: impl Fn(&S::Value) -> Keep,
    life: impl Fn(&S::Value) -> Keep,
) -> impl Fn(&S::Value) -> Keep {
    move |value| if keep(value) == Keep::Not { Keep::Not } else { life(value) }
}

/// Neither.
pub fn always<S: Shape>(_shape: S) -> impl Fn(&S::Value) -> Keep {
    |_| Keep::Usual
}

/// Says that an error can stand for a body that took too long.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot say that the body took longer than its `timeout`",
    label = "not `From<tiercache::TimedOut>`",
    note = "write `impl From<tiercache::TimedOut> for {Self}`, or remove `timeout`"
)]
pub trait Late: From<TimedOut> {}

#[diagnostic::do_not_recommend]
impl<E: From<TimedOut>> Late for E {}

/// Says that a shape has an error.
#[diagnostic::on_unimplemented(
    message = "there is no error to return when the body takes longer than its `timeout`",
    label = "`timeout` is for functions that return a `Result`",
    note = "return a `Result` whose error is `From<tiercache::TimedOut>`, or remove `timeout`"
)]
pub trait TimesOut: Shape {
    /// Its error.
    type Error;

    /// The output with this error.
    fn failed(error: Self::Error) -> Self::Output;
}

macro_rules! times_out {
    ($($name:ident<$t:ident, $e:ident $(: $clone:ident + $send:ident + $sync:ident + $static:lifetime)?>),+) => {$(
        #[diagnostic::do_not_recommend]
        impl<$t: Cacheable, $e $(: $clone + $send + $sync + $static)?> TimesOut for $name<$t, $e> {
            type Error = $e;

            fn failed(error: $e) -> Self::Output {
                Err(error)
            }
        }
    )+};
}

times_out!(
    ResultOf<T, E>,
    SharedResultOf<T, E: Clone + Send + Sync + 'static>,
    ResultOptionOf<T, E>,
    SharedResultOptionOf<T, E: Clone + Send + Sync + 'static>
);

/// The output of a body that took too long. Made at the return type, which is where it is an error if it cannot be.
pub fn late<S>(_shape: S) -> fn() -> S::Output
where
    S: TimesOut<Error: Late>,
{
    || S::failed(TimedOut.into())
}

impl<S> Call<S> {
    /// How long the body may take, and whose clock tells.
    fn limit(&self) -> Option<(Option<Cache>, Duration)> {
        match &self.request {
            Some(request) => Some((Some(request.cache.clone()), request.terms.timeout?)),
            None => Some((None, self.timeout?)),
        }
    }

    /// As [`Call::load_with`], for no longer than the function's timeout.
    pub async fn load_within<F>(
        self,
        body: Pin<&mut F>,
        keep: impl Fn(&S::Value) -> Keep,
        late: fn() -> S::Output,
    ) -> S::Output
    where
        S: Shape,
        F: Future<Output = S::Output>,
    {
        match self.limit() {
            Some((cache, limit)) => {
                let body = Box::pin(within(cache, limit, late, body));
                self.load_with(std::pin::pin!(body), keep).await
            }
            None => self.load_with(body, keep).await,
        }
    }

    /// Answers the call as the function's terms say, which may be without waiting for the body.
    pub async fn load_owned(
        self,
        body: Owned<S::Output>,
        keep: impl Fn(&S::Value) -> Keep + Send + Sync + 'static,
    ) -> S::Output
    where
        S: Shape + 'static,
        S::Output: Send + 'static,
    {
        let Some(request) = self.request else {
            crate::cache::tell(self.report.as_ref(), Source::Bypass);
            return body.await;
        };
        let body = match scoped() {
            // A task has no scope of its own.
            Some(cache) => Box::pin(async move { cache.scope(body).await }),
            None => body,
        };
        Box::pin(load_owned::<S, _>(*request, body, keep, self.given)).await
    }

    /// The same, for no longer than the function's timeout.
    pub async fn load_owned_within(
        self,
        body: Owned<S::Output>,
        keep: impl Fn(&S::Value) -> Keep + Send + Sync + 'static,
        late: fn() -> S::Output,
    ) -> S::Output
    where
        S: Shape + 'static,
        S::Output: Send + 'static,
    {
        let body = match self.limit() {
            Some((cache, limit)) => Box::pin(within(cache, limit, late, body)),
            None => body,
        };
        self.load_owned(body, keep).await
    }
}

/// Says that an argument can be lent to a body that outlives its caller.
#[diagnostic::on_unimplemented(
    message = "a `&{Self}` cannot be lent to a body that may outlive its caller",
    label = "not `Clone + Send + Sync + 'static`",
    note = "these options run the body apart from its caller: derive `Clone`, take an owned argument (`Arc<T>`), or remove \
            `stale_while_revalidate`, `refresh_ahead`, `soft_timeout` and `detach`"
)]
pub trait Lend: ToOwned<Owned: Send + Sync + 'static> + 'static {}

#[diagnostic::do_not_recommend]
impl<T: ToOwned<Owned: Send + Sync + 'static> + ?Sized + 'static> Lend for T {}

/// Says that an argument can be given to a body that outlives its caller.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` cannot be given to a body that may outlive its caller",
    label = "not `Send + 'static`",
    note = "these options run the body apart from its caller: take an argument that is `Send + 'static`, or remove \
            `stale_while_revalidate`, `refresh_ahead`, `soft_timeout` and `detach`"
)]
pub trait Give: Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + 'static> Give for T {}

/// Asks that the body can take an argument with it.
pub fn given<T: Give>(_argument: &T) {}

/// What a borrowed argument refers to, owned.
pub struct Lent<T: Lend + ?Sized>(T::Owned);

/// Owns what `argument` refers to.
pub fn own<T: Lend + ?Sized>(argument: &T) -> Lent<T> {
    Lent(argument.to_owned())
}

impl<T: Lend + ?Sized> Lent<T> {
    /// The argument as it was.
    pub fn lend(&self) -> &T {
        self.0.borrow()
    }
}

impl<T: Lend + ?Sized> fmt::Debug for Lent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lent")
    }
}
