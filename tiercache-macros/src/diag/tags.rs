//! What is said of tags.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::Error;

use super::at;

pub(crate) fn empty(tag: impl ToTokens) -> Error {
    at(tag, r#"an empty tag names nothing: write for example `tags("users")`, or remove it"#)
}

pub(crate) fn positional(tag: impl ToTokens) -> Error {
    at(tag, r#"a tag names its arguments where they stand: write `"user:{id}"`, or `format!("user:{}", user.id)`"#)
}

pub(crate) fn too_many(tag: impl ToTokens, most: usize) -> Error {
    at(tag, format!("an entry carries at most {most} tags: give what goes together one tag, or a `prefix`"))
}

pub(crate) fn skipped(tag: impl ToTokens, argument: &Ident) -> Error {
    at(
        tag,
        format!(
            "`{argument}` is in a tag and not in the key: take it out of `skip`, or name in the tag what is in the key"
        ),
    )
}

pub(crate) fn not_in_key(tag: impl ToTokens, argument: &Ident) -> Error {
    at(tag, format!("`{argument}` is in a tag and not in the key: name it in `key = (…)`, or take it out of the tag"))
}

pub(crate) fn without_self(tag: impl ToTokens) -> Error {
    at(tag, "`self` is in a tag and not in the key: write `key = (self.…, …)`, or take it out of the tag")
}
