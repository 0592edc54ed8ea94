//! What is said of batches.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Error, ExprClosure};

use super::at;

pub(crate) fn belongs_to_entry(name: &Ident) -> Error {
    at(
        name,
        format!(
            "`{name}` is said where the elements' addresses come from: give it to that function, not beside `batch`"
        ),
    )
}

pub(crate) fn no_list(ty: impl ToTokens) -> Error {
    at(ty, "the elements of a batch come in a list: take `&[Id]` or `Vec<Id>`")
}

pub(crate) fn no_map(tokens: impl ToTokens) -> Error {
    at(
        tokens,
        "a batch returns a map of what it found: write `HashMap<Id, Value>` or `BTreeMap<Id, Value>`, or a `Result` of one",
    )
}

pub(crate) fn no_function(expr: impl ToTokens) -> Error {
    at(
        expr,
        "an element's address comes from a function: write `batch(ids, get_user_entry)` or `batch(ids, |id| get_user_entry(*id))`",
    )
}

pub(crate) fn not_of_one(closure: &ExprClosure) -> Error {
    let message = "the closure gets one element, by reference: write `|id| get_user_entry(*id)`";
    match closure.inputs.iter().nth(1) {
        Some(second) => at(second, message),
        None => at(closure, message),
    }
}

pub(crate) fn receiver(receiver: impl ToTokens) -> Error {
    at(receiver, "the body of a batch may run again: take `&self`")
}
