//! The wording of every compile error: lower case, no full stop, and what to write instead.

pub(crate) mod batch;
pub(crate) mod running;
pub(crate) mod tags;
pub(crate) mod writes;

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::Error;

use crate::attr::{Place, TABLE, guess};

/// Every error found, to be shown together.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    /// Adds an error.
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    /// Whether there was none so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// `value`, if there was no error.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Error> {
        self.0.map_or(Ok(value), Err)
    }
}

fn at(tokens: impl ToTokens, message: impl core::fmt::Display) -> Error {
    Error::new_spanned(tokens, message)
}

// The item.

pub(crate) fn not_a_function(item: &TokenStream) -> Error {
    // All of an item is too much to underline; its first word is enough.
    let first: TokenStream = item.clone().into_iter().take(1).collect();
    at(first, "`#[cached]` caches an async function: put it on an `async fn`")
}

pub(crate) fn no_body(item: &TokenStream) -> Error {
    let first: TokenStream = item.clone().into_iter().take(1).collect();
    at(first, "there is no body to cache here: put `#[cached]` on the implementation")
}

pub(crate) fn not_an_address(error: &Error) -> Error {
    Error::new(
        error.span(),
        r#"an address is a function without a body: write `pub fn user_entry(id: u64) -> User; prefix = "user", ttl = 300`"#,
    )
}

pub(crate) fn not_async(fn_token: impl ToTokens) -> Error {
    at(fn_token, "`#[cached]` caches an async function: write `async fn`")
}

pub(crate) fn async_address(token: impl ToTokens) -> Error {
    at(token, "an address is computed, not awaited: remove `async`")
}

pub(crate) fn qualified(token: impl ToTokens, word: &str) -> Error {
    at(token, format!("{word} function cannot be cached: cache a plain `async fn` that this one calls"))
}

pub(crate) fn nothing_to_store(tokens: impl ToTokens) -> Error {
    at(tokens, "there is nothing to store: return the value to cache, or remove `#[cached]`")
}

pub(crate) fn address_of_nothing(tokens: impl ToTokens) -> Error {
    at(tokens, "an address names the type it stores: write `-> User`")
}

pub(crate) fn impl_return(tokens: impl ToTokens) -> Error {
    at(tokens, "an `impl Trait` has no name to store it under: return a concrete type")
}

pub(crate) fn borrowed_return(tokens: impl ToTokens) -> Error {
    at(
        tokens,
        "a borrowed value cannot outlive the call in a cache: return an owned one (`String`, `Vec<T>`, `Arc<T>`)",
    )
}

// Arguments.

pub(crate) fn mutable_receiver(tokens: impl ToTokens) -> Error {
    at(tokens, "a hit would not run what `&mut self` is for: take `&self`")
}

pub(crate) fn mutable_argument(tokens: impl ToTokens) -> Error {
    at(tokens, "a hit would not write to a `&mut` argument: return what it would hold")
}

pub(crate) fn pattern(tokens: impl ToTokens) -> Error {
    at(tokens, "an argument needs a name to be in the key: name it here and take it apart in the body")
}

pub(crate) fn hash_set(tokens: impl ToTokens) -> Error {
    at(tokens, "a `HashSet` has no stable order for a key: take a `BTreeSet`, or give `key = (…)`")
}

pub(crate) fn conditional_argument(tokens: impl ToTokens) -> Error {
    at(tokens, "an argument in the key cannot be conditional: put the `#[cfg]` on the function, or `skip` the argument")
}

pub(crate) fn self_undecided(receiver: impl ToTokens) -> Error {
    at(receiver, "is `self` part of the key? write `skip(self)` if all instances share entries, or `key = (self.…, …)`")
}

pub(crate) fn self_undecided_at(receiver: impl ToTokens) -> Error {
    at(receiver, "does `self` choose the address? write `skip(self)` if not, or use it in `at = …`")
}

pub(crate) fn self_of_address(receiver: impl ToTokens) -> Error {
    at(receiver, "`self` is not in the key: use it in `key = (self.…, …)`, or remove it")
}

pub(crate) fn not_at(argument: &Ident) -> Error {
    at(argument, format!("`{argument}` does not choose the address: write `skip({argument})`, or use it in `at = …`"))
}

pub(crate) fn not_in_address_key(argument: &Ident) -> Error {
    at(argument, format!("`{argument}` is not in the key: use it in `key = …`, or remove it"))
}

pub(crate) fn unknown_argument(name: &Ident, known: &[String]) -> Error {
    let name_text = name.to_string();
    let cure = match guess(&name_text, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "it has none".to_owned(),
        None => format!("it has {}", quoted(known.iter().map(String::as_str))),
    };
    at(name, format!("the function has no argument `{name_text}`: {cure}"))
}

pub(crate) fn skipped_twice(name: &Ident) -> Error {
    at(name, format!("`{name}` is skipped twice: keep one"))
}

pub(crate) fn skipped_and_used(name: &Ident, by: &str) -> Error {
    at(name, format!("`{name}` is in `{by} = …` and in `skip`: keep one"))
}

// Options.

pub(crate) fn unknown_option(name: &Ident, place: Place) -> Error {
    let known = || TABLE.iter().filter(move |row| place.allows(row)).map(|row| row.name);
    let name_text = name.to_string();
    let cure = match guess(&name_text, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", quoted(known())),
    };
    at(name, format!("unknown option `{name_text}`: {cure}"))
}

pub(crate) fn misplaced_option(name: &Ident) -> Error {
    at(name, format!("`{name}` is not about the address: give it to the functions cached at it"))
}

pub(crate) fn repeated_option(name: &Ident) -> Error {
    at(name, format!("`{name}` is given twice: keep one"))
}

pub(crate) fn malformed_option(name: &Ident, found: Option<impl ToTokens>) -> Error {
    let example = TABLE.iter().find(|row| name == row.name).map_or("ttl = 300", |row| row.example);
    let message = format!("`{name}` is written `{example}`");
    match found {
        Some(token) => at(token, message),
        None => at(name, message),
    }
}

pub(crate) fn nameless_option(token: impl ToTokens) -> Error {
    at(token, "expected the name of an option, as in `ttl = 300`")
}

pub(crate) fn bad_duration(name: &Ident, value: impl ToTokens) -> Error {
    at(
        value,
        format!(
            r#"`{name}` is whole seconds (`{name} = 300`) or a string of `h`, `m`, `s` and `ms` (`{name} = "1h30m"`)"#
        ),
    )
}

pub(crate) fn zero_duration(name: &Ident, value: impl ToTokens) -> Error {
    at(value, format!("`{name}` of zero keeps nothing: give at least `\"1ms\"`, or remove `{name}`"))
}

pub(crate) fn longer_than_ttl(name: &Ident, value: impl ToTokens) -> Error {
    at(value, format!("`{name}` is longer than `ttl`: make it shorter, or remove it"))
}

pub(crate) fn none_ttl_without_none(name: &Ident) -> Error {
    at(name, "`none_ttl` keeps `None`, and this function never returns it: return an `Option`, or remove `none_ttl`")
}

pub(crate) fn bad_prefix(value: impl ToTokens) -> Error {
    at(
        value,
        "a prefix is ASCII letters, digits, `_`, `-`, `.`, and `:` between segments: write for example `prefix = \"shop:user\"`",
    )
}

pub(crate) fn no_prefix(function: &Ident) -> Error {
    at(function, "this function's name cannot lead a key, which is ASCII: give it a `prefix = \"…\"`")
}

pub(crate) fn not_text(name: &Ident, value: impl ToTokens) -> Error {
    let example = TABLE.iter().find(|row| name == row.name).map_or("", |row| row.example);
    at(value, format!("`{name}` is a string that is not empty: `{example}`"))
}

pub(crate) fn bad_version(value: impl ToTokens) -> Error {
    at(value, "`version` is a whole number below 2^32: `version = 2`")
}

pub(crate) fn bad_codec(value: impl ToTokens, known: &[(&str, &str)]) -> Error {
    at(value, format!("unknown codec: there are {}", quoted(known.iter().map(|(name, _)| *name))))
}

pub(crate) fn bad_write(value: impl ToTokens, known: &[(&str, &str)]) -> Error {
    at(value, format!("unknown write mode: there are {}", quoted(known.iter().map(|(name, _)| *name))))
}

pub(crate) fn empty_key(value: impl ToTokens) -> Error {
    at(value, "an empty key would give every call one entry: name what chooses the answer, or `skip` every argument")
}

pub(crate) fn belongs_to_address(name: &Ident) -> Error {
    at(name, format!("`{name}` is the address's own: give it to the `entry!` that declares it, not beside `at`"))
}

pub(crate) fn bad_entry(value: impl ToTokens) -> Error {
    at(value, "`entry` is `false` for no companion, or the companion's name: `entry = user_entry`")
}

pub(crate) fn no_companion(name: &Ident) -> Error {
    at(name, format!("`{name}` is about the companion, and there is none: remove `{name}`"))
}

pub(crate) fn no_companion_when_boxed(name: &Ident) -> Error {
    at(
        name,
        format!(
            "no companion can be made where `#[async_trait]` has rewritten the method: remove `{name}`, or declare the address with `entry!`"
        ),
    )
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
