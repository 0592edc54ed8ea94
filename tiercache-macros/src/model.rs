//! What is to be written: every fact about the expansion, decided before the first token of it.

pub(crate) mod batch;

use core::time::Duration;

use proc_macro2::{Ident, TokenStream};
use syn::{Attribute, Expr, ExprReference, Generics, LitStr, Type, Visibility};

use crate::item::{Function, argument};
use crate::paths::Paths;

/// A cached function and its companion.
pub(crate) struct Cached {
    pub(crate) paths: Paths,
    pub(crate) function: Function,
    /// What the function returns.
    pub(crate) output: Type,
    pub(crate) place: Place,
    pub(crate) keeping: Keeping,
    pub(crate) running: Running,
    /// With the site that leads to the same values.
    pub(crate) companion: Option<Companion>,
}

/// Where values are kept.
pub(crate) enum Place {
    /// At the function's own site.
    Own(Site),
    /// At an address declared elsewhere.
    At(Expr),
}

/// What leads to a value: the site, and what makes its key.
pub(crate) struct Site {
    pub(crate) name: String,
    pub(crate) settings: Settings,
    pub(crate) types: Types,
    /// References to the parts of the key.
    pub(crate) parts: Vec<ExprReference>,
    pub(crate) tags: Vec<Tag>,
}

/// A tag of an entry.
pub(crate) enum Tag {
    /// As it stands.
    Plain(LitStr),
    /// A format string.
    Format(LitStr),
    /// Anything that displays.
    Value(Expr),
}

/// The literal part of a site.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) prefix: String,
    pub(crate) id: Option<LitStr>,
    pub(crate) policy: Policy,
}

/// How long, in which cache, and how a value is kept.
#[derive(Clone, Default)]
pub(crate) struct Policy {
    pub(crate) ttl: Option<Duration>,
    pub(crate) l1_ttl: Option<Duration>,
    pub(crate) none_ttl: Option<Duration>,
    pub(crate) version: Option<u32>,
    pub(crate) cache: Option<LitStr>,
    pub(crate) codec: Option<Ident>,
    pub(crate) stale_if_error: Option<Duration>,
    pub(crate) jitter: Option<f64>,
    pub(crate) write: Option<Ident>,
    pub(crate) running: Running,
}

/// How a function's body is run.
#[derive(Clone, Default)]
pub(crate) struct Running {
    pub(crate) stale_while_revalidate: Option<Duration>,
    pub(crate) refresh_ahead: Option<Ahead>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) soft_timeout: Option<Duration>,
    pub(crate) detach: bool,
}

/// When a value is refreshed before it expires.
#[derive(Clone, Copy)]
pub(crate) enum Ahead {
    /// After this share of its life.
    Share(f64),
    Auto,
}

impl Running {
    /// Whether the body may outlive its caller.
    pub(crate) fn is_apart(&self) -> bool {
        let Self { stale_while_revalidate, refresh_ahead, timeout: _, soft_timeout, detach } = self;
        stale_while_revalidate.is_some() || refresh_ahead.is_some() || soft_timeout.is_some() || *detach
    }

    /// Whether nothing is said of it.
    pub(crate) fn is_plain(&self) -> bool {
        !self.is_apart() && self.timeout.is_none()
    }
}

/// What of a function's values is kept, and for how long.
#[derive(Default)]
pub(crate) struct Keeping {
    pub(crate) cache_if: Option<Expr>,
    pub(crate) ttl_from: Option<Expr>,
}

/// The types that tell two instantiations apart.
pub(crate) struct Types {
    /// The function's own type parameters.
    pub(crate) params: Vec<Ident>,
    /// Its `impl Trait` arguments, whose types have no names.
    pub(crate) anonymous: Vec<Ident>,
}

/// A function that gives an address.
pub(crate) struct Companion {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    pub(crate) inputs: Vec<TokenStream>,
    /// What is stored.
    pub(crate) value: Type,
    /// The return type that `value` was read from, to be checked by rustc.
    pub(crate) output: Option<Type>,
    /// The sentence that documents it.
    pub(crate) doc: Option<String>,
}

/// A function that invalidates, and may store what it returns.
pub(crate) struct Invalidates {
    pub(crate) function: Function,
    /// What the function returns.
    pub(crate) output: Type,
    pub(crate) plan: Plan,
}

/// What a function updates and invalidates, judged.
pub(crate) struct Plan {
    pub(crate) paths: Paths,
    /// The address of the value that the function returns, if that is stored.
    pub(crate) updated: Option<Expr>,
    pub(crate) targets: Vec<Target>,
    pub(crate) always: bool,
}

/// One thing to invalidate.
pub(crate) enum Target {
    /// An address, or several, known before the body.
    Entry(Expr),
    Prefix(LitStr),
    Tags(Vec<Tag>),
    Everything,
    /// Addresses that the value tells.
    Later(Expr),
}

/// What the user chose to make the key of.
pub(crate) enum Key {
    /// All arguments but these.
    Arguments { skip: Vec<Ident> },
    /// These expressions.
    Expressions(Vec<Expr>),
}

/// What the options of a function say, judged.
pub(crate) struct Wishes {
    pub(crate) paths: Paths,
    pub(crate) home: Home,
    pub(crate) keeping: Keeping,
    pub(crate) running: Running,
}

/// Where the user wants values to be kept.
pub(crate) enum Home {
    /// At the function's own site, perhaps with a companion.
    Own(Box<Own>),
    /// At this address.
    At(Expr),
}

/// What the user said about the function's own site.
pub(crate) struct Own {
    pub(crate) settings: Settings,
    pub(crate) key: Key,
    pub(crate) tags: Vec<Tag>,
    pub(crate) companion: Option<CompanionWish>,
}

/// What the user said about the companion.
pub(crate) struct CompanionWish {
    pub(crate) name: Option<Ident>,
    pub(crate) value: Option<Type>,
}

/// The type that a return type stores, as far as its spelling tells.
pub(crate) fn stored(output: &Type) -> &Type {
    let value = argument(output, "Result").unwrap_or(output);
    argument(value, "Option").unwrap_or(value)
}

/// The expressions of `key = …`: of a tuple, each of its elements.
pub(crate) fn expressions(key: Expr) -> Vec<Expr> {
    match ungrouped(key) {
        Expr::Tuple(tuple) => tuple.elems.into_iter().map(ungrouped).collect(),
        Expr::Paren(paren) => vec![ungrouped(*paren.expr)],
        single => vec![single],
    }
}

/// Without the invisible group that a `$key:expr` of `macro_rules!` comes in: rustc would not see it either, and read
/// `&$key` as `(&a) + b`.
pub(crate) fn ungrouped(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) => ungrouped(*group.expr),
        other => other,
    }
}
