//! The wording of errors about how a body is run.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::Error;

use super::at;

pub(crate) fn timeout_without_error(name: &Ident) -> Error {
    at(
        name,
        "a body that takes longer than `timeout` needs an error to return: return a `Result` whose error is `From<tiercache::TimedOut>`, or remove `timeout`",
    )
}

pub(crate) fn nothing_stale(name: &Ident) -> Error {
    at(
        name,
        "`soft_timeout` gives a stale value, and none is kept: add `stale_if_error` or `stale_while_revalidate`, or write `timeout`",
    )
}

pub(crate) fn later_than_timeout(value: impl ToTokens) -> Error {
    at(value, "`soft_timeout` comes no earlier than `timeout`, which drops the body: make it shorter, or remove it")
}

pub(crate) fn bad_ahead(value: impl ToTokens) -> Error {
    at(
        value,
        "`refresh_ahead` is a share of the life, more than 0 and less than 1 (`refresh_ahead = 0.8`), or `\"auto\"`",
    )
}

pub(crate) fn bad_jitter(value: impl ToTokens) -> Error {
    at(value, "`jitter` is a share of the life, at least 0 and less than 1: `jitter = 0.1`")
}
