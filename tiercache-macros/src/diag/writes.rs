//! What is said of functions that write.

use core::fmt::{Display, Formatter};

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Error, ExprClosure};

use super::at;

/// Which of the attributes it is said about.
#[derive(Clone, Copy)]
pub(crate) enum Writer {
    Invalidates,
    Updates,
}

impl Display for Writer {
    fn fmt(&self, f: &mut Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Invalidates => "`#[invalidates]`",
            Self::Updates => "`#[updates]`",
        })
    }
}

/// What can be invalidated, and how it is written.
const ALLOWED: &str = r#"entries (`get_user_entry(id)`), `|value| get_user_entry(value.id)`, `tags("users")`, `prefix("search")`, `everything`, `always`"#;

pub(crate) fn not_a_function(attribute: Writer, item: &TokenStream) -> Error {
    at(first(item), format!("{attribute} watches an async function: put it on an `async fn`"))
}

pub(crate) fn no_body(attribute: Writer, item: &TokenStream) -> Error {
    at(first(item), format!("there is no body here that could write: put {attribute} on the implementation"))
}

pub(crate) fn not_async(attribute: Writer, fn_token: impl ToTokens) -> Error {
    at(fn_token, format!("{attribute} watches an async function: write `async fn`"))
}

pub(crate) fn qualified(attribute: Writer, token: &dyn ToTokens, word: &str) -> Error {
    at(token, format!("{word} function cannot be watched: put {attribute} on a plain `async fn` that this one calls"))
}

pub(crate) fn impl_return(tokens: impl ToTokens) -> Error {
    at(tokens, "whether an `impl Trait` is a success cannot be told: return a concrete type")
}

pub(crate) fn nothing() -> Error {
    Error::new(Span::call_site(), format!("nothing is invalidated: name it; there are {ALLOWED}"))
}

pub(crate) fn nothing_always(always: &Ident) -> Error {
    at(
        always,
        "`always` is about what is known before the body, and nothing is: name an entry or a prefix, or remove `always`",
    )
}

pub(crate) fn nothing_updated() -> Error {
    Error::new(
        Span::call_site(),
        "nothing is updated: name the entry of the returned value, as in `get_user_entry(id)`",
    )
}

pub(crate) fn nothing_returned(token: impl ToTokens) -> Error {
    at(token, "there is no value to store: return it, or use `#[invalidates]`")
}

pub(crate) fn no_entry(target: &TokenStream) -> Error {
    at(
        target,
        "the first argument is the entry of the returned value: write `get_user_entry(id)` before the others, or use `#[invalidates]`",
    )
}

pub(crate) fn told_too_late(closure: &ExprClosure) -> Error {
    let parameters = &closure.inputs;
    at(
        closure,
        format!(
            "a value that does not exist yet has no token: use `#[invalidates(|{}| …)]`",
            parameters.to_token_stream()
        ),
    )
}

pub(crate) fn unknown(name: &Ident) -> Error {
    at(name, format!("unknown `{name}`: there are {ALLOWED}"))
}

pub(crate) fn malformed(name: &Ident) -> Error {
    let example = match name.to_string().as_str() {
        "crate" => "crate = my_crate::tiercache",
        "tags" => r#"tags("user:{id}", "users")"#,
        _ => r#"prefix("search")"#,
    };
    at(name, format!("`{name}` is written `{example}`"))
}

pub(crate) fn unreadable(token: Option<TokenTree>) -> Error {
    let message = format!("expected what is invalidated: there are {ALLOWED}");
    match token {
        Some(token) => at(token, message),
        None => Error::new(Span::call_site(), message),
    }
}

pub(crate) fn literal(value: impl ToTokens) -> Error {
    at(value, r#"a literal is no entry: write `tags("users")` for a tag, `prefix("search")` for a prefix"#)
}

pub(crate) fn bad_prefix(value: impl ToTokens) -> Error {
    at(
        value,
        r#"a prefix is a string of ASCII letters, digits, `_`, `-`, `.`, and `:` between segments: write for example `prefix("shop:user")`"#,
    )
}

pub(crate) fn not_of_one(closure: &ExprClosure) -> Error {
    let message =
        "a closure gets the value that was returned, and nothing else: write `|value| get_user_entry(value.id)`";
    match closure.inputs.iter().nth(1) {
        Some(second) => at(second, message),
        None => at(closure, message),
    }
}

/// All of an item is too much to underline; its first word is enough.
fn first(item: &TokenStream) -> TokenStream {
    item.clone().into_iter().take(1).collect()
}
