//! Every path that the expansion writes. All are absolute, so that nothing in the user's scope can stand in the way.

use core::time::Duration;

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Path;

/// Where the runtime is: `::tiercache`, or what `crate = …` says.
#[derive(Clone)]
pub(crate) struct Paths {
    root: TokenStream,
}

impl Paths {
    /// The runtime under its own name, unless a `crate = …` gives another.
    pub(crate) fn new(root: Option<&Path>) -> Self {
        Self { root: root.map_or_else(|| quote!(::tiercache), |path| quote!(#path)) }
    }

    /// The macros' door. Expansions import it under [`door`]'s name to stay readable.
    pub(crate) fn private(&self) -> TokenStream {
        let root = &self.root;
        quote!(#root::__private)
    }

    /// The part of it that is about writers, imported under [`door`]'s name as well.
    pub(crate) fn writes(&self) -> TokenStream {
        let root = &self.root;
        quote!(#root::__private::writes)
    }

    /// The part of it that is about batches, imported under [`door`]'s name as well.
    pub(crate) fn batch(&self) -> TokenStream {
        let root = &self.root;
        quote!(#root::__private::batch)
    }

    /// The address type that companions return.
    pub(crate) fn entry(&self) -> TokenStream {
        let root = &self.root;
        quote!(#root::Entry)
    }

    /// A codec; an unknown or disabled one is rustc's error at `variant`.
    pub(crate) fn codec(&self, variant: &Ident) -> TokenStream {
        let root = &self.root;
        quote!(#root::Codec::#variant)
    }

    /// A write mode.
    pub(crate) fn write_mode(&self, variant: &Ident) -> TokenStream {
        let root = &self.root;
        quote!(#root::WriteMode::#variant)
    }
}

/// The local name of [`Paths::private`]. Items are not hygienic, so it is one that nobody writes.
pub(crate) fn door(span: Span) -> Ident {
    Ident::new("__tc", span)
}

/// The name of the site, chosen as [`door`]'s.
pub(crate) fn site(span: Span) -> Ident {
    Ident::new("__TC", span)
}

/// The name of the site's policy, chosen as [`door`]'s.
pub(crate) fn policy_const() -> Ident {
    Ident::new("__TC_POLICY", Span::call_site())
}

/// A duration, in seconds where it is whole ones.
pub(crate) fn duration(duration: Duration) -> TokenStream {
    let door = door(Span::call_site());
    if duration.subsec_nanos() == 0 {
        let secs = Literal::u64_unsuffixed(duration.as_secs());
        return quote!(#door::secs(#secs));
    }
    let millis = Literal::u64_unsuffixed(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    quote!(#door::millis(#millis))
}

/// `Some`, whatever the user's `Some` is.
pub(crate) fn some(span: Span) -> TokenStream {
    quote_spanned!(span=> ::core::option::Option::Some)
}

/// The macro that pins a local.
pub(crate) fn pin() -> TokenStream {
    quote!(::core::pin::pin!)
}

/// The function that boxes and pins a future.
pub(crate) fn boxed() -> TokenStream {
    quote!(::std::boxed::Box::pin)
}

/// The macro that stands for a body that is never run.
pub(crate) fn unimplemented() -> TokenStream {
    quote!(::core::unimplemented!())
}
