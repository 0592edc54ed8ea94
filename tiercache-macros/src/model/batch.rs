//! What is to be written of a batch.

use proc_macro2::Ident;
use syn::{Attribute, Expr, Token, Type};

use crate::item::Function;
use crate::paths::Paths;

/// A function whose elements are cached one by one.
pub(crate) struct Batch {
    pub(crate) function: Function,
    pub(crate) plan: Plan,
    /// Whether the body changes the argument that names the elements.
    pub(crate) mutability: Option<Token![mut]>,
    /// The other arguments that the body uses.
    pub(crate) again: Vec<Again>,
}

/// A batch, judged.
pub(crate) struct Plan {
    pub(crate) paths: Paths,
    /// What the function returns.
    pub(crate) output: Type,
    /// The argument that names the elements.
    pub(crate) name: Ident,
    pub(crate) ids: Ids,
    pub(crate) each: Each,
}

/// How the body gets the elements.
pub(crate) enum Ids {
    /// As a slice of these.
    Slice(Type),
    /// As a `Vec`, of this type.
    List(Type),
}

/// What gives the address of one element.
pub(crate) enum Each {
    /// A function that takes it.
    Function(Expr),
    /// A closure that sees it.
    Closure(Expr),
}

/// An argument that each run of the body gets anew.
pub(crate) struct Again {
    /// Its conditions.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) mutability: Option<Token![mut]>,
    pub(crate) name: Ident,
}
