//! `batch(ids, get_user_entry)`, read.

use proc_macro2::Ident;
use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::parse::discouraged::Speculative as _;
use syn::{Expr, Token, parenthesized};

use super::{Fault, Word, malformed};

/// Which argument names the elements, and what gives the address of one.
pub(crate) struct Elements {
    pub(crate) ids: Ident,
    pub(crate) entry: Expr,
}

/// `(ids, entry)`
pub(super) fn elements(name: Ident, input: ParseStream<'_>) -> Result<Word<Elements>, Fault> {
    fn parts(input: ParseStream<'_>) -> syn::Result<Elements> {
        let content;
        parenthesized!(content in input);
        let ids = content.call(Ident::parse_any)?;
        content.parse::<Token![,]>()?;
        let entry = content.parse()?;
        content.parse::<Option<Token![,]>>()?;
        if content.is_empty() { Ok(Elements { ids, entry }) } else { Err(content.error("more than two")) }
    }
    let ahead = input.fork();
    let Ok(value) = parts(&ahead) else { return Err(malformed(&name, input)) };
    input.advance_to(&ahead);
    Ok(Word { name, value })
}
