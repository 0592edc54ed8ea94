//! The path of a batch's call: each element at the address of another cached function, the body called with those that are missing.

mod found;

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::hash::Hash;

pub use found::{Found, Map};

use crate::cache::{Request, load_many, tell};
use crate::call::adjustment;
use crate::entry::Entry;
use crate::stats::Source;

/// No output. Its type tells rustc what a body returns, before it reads the body.
pub const fn none<R>() -> Option<R> {
    None
}

/// An argument for a run of the body, which may be another run than the first.
pub fn again<A: Again>(argument: &A) -> A {
    argument.clone()
}

/// What the body of a batch can be given again.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given to the body of a batch twice",
    label = "not `Clone`",
    note = "the body may run again, for elements that another caller did not load after all: take a reference, or an `Arc`"
)]
pub trait Again: Clone {}

#[diagnostic::do_not_recommend]
impl<A: Clone> Again for A {}

/// What can tell one element of a batch from the others.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an element of a batch",
    label = "not `Clone + Eq + Hash + Send + Sync`",
    note = "derive `Clone`, `PartialEq`, `Eq` and `Hash` for it"
)]
pub trait Id: Clone + Eq + Hash + Send + Sync {}

#[diagnostic::do_not_recommend]
impl<K: Clone + Eq + Hash + Send + Sync> Id for K {}

/// The elements of a call that returns `R`, each once.
pub struct Batch<R: Found> {
    ids: Vec<R::Id>,
}

impl<R: Found> Batch<R> {
    /// The elements that are asked for.
    pub fn of(ids: &[R::Id]) -> Self {
        let mut seen = HashSet::new();
        Self { ids: ids.iter().filter(|id| seen.insert(*id)).cloned().collect() }
    }

    /// Each at the address that a companion, or a function like one, gives for it.
    pub fn at(self, entry: impl Fn(R::Id) -> Entry<R::Value>) -> Addressed<R> {
        self.at_each(|id| entry(id.clone()))
    }

    /// Each at the address that a closure gives for it.
    pub fn at_each(self, entry: impl Fn(&R::Id) -> Entry<R::Value>) -> Addressed<R> {
        let requests = self.ids.iter().map(|id| entry(id).request()).collect();
        Addressed { ids: self.ids, requests }
    }
}

/// The elements of a call, with their addresses.
pub struct Addressed<R: Found> {
    ids: Vec<R::Id>,
    /// None if one has no address: no cache is installed, or a key cannot be made.
    requests: Option<Vec<Request>>,
}

impl<R: Found> Addressed<R> {
    /// Answers the call: by what the tiers have, by other callers' loads, and by `body` for what is missing.
    pub async fn load<F: Future<Output = R>>(self, mut body: impl FnMut(Vec<R::Id>) -> F) -> R {
        let said = adjustment().unwrap_or_default();
        let Self { ids, requests } = self;
        if ids.is_empty() {
            return R::found(R::Map::default());
        }
        let Some(mut requests) = requests.map(Request::paced_together) else {
            tell(said.report.as_ref(), Source::Bypass);
            return body(ids).await;
        };
        for request in &mut requests {
            request.mode = said.mode;
        }
        let ids = &ids;
        let run = |places: Vec<usize>| {
            let missing = places.iter().map(|at| ids[*at].clone()).collect();
            let found = body(missing);
            async move {
                let mut map = found.await.map()?;
                Ok(places.into_iter().map(|at| map.take(&ids[at])).collect())
            }
        };
        // Boxed, so that it costs the function's future a pointer.
        match Box::pin(load_many(&requests, (said.mode, said.report), run)).await {
            Ok(values) => {
                let mut map = R::Map::default();
                for (id, value) in ids.iter().zip(values) {
                    if let Some(value) = value {
                        map.put(id.clone(), value);
                    }
                }
                R::found(map)
            }
            Err(failed) => failed,
        }
    }
}

impl<R: Found> fmt::Debug for Batch<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("elements", &self.ids.len()).finish_non_exhaustive()
    }
}

impl<R: Found> fmt::Debug for Addressed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Addressed").field("elements", &self.ids.len()).finish_non_exhaustive()
    }
}
