//! What is written when something was refused: the errors, and the user's code, so that nothing else breaks.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Signature};

use crate::item::Address;
use crate::paths::{self, Paths};

/// The item as it came, and what is wrong.
pub(crate) fn cached(item: &TokenStream, error: &Error) -> TokenStream {
    let errors = error.to_compile_error();
    quote!(#item #errors)
}

/// An address that goes nowhere, so that the functions cached at it have no errors of their own.
pub(crate) fn declared(address: &Address, paths: &Paths, error: &Error) -> TokenStream {
    let Address { attrs, vis, sig, args: _, output, options: _ } = address;
    let errors = error.to_compile_error();
    let Some(output) = output else { return errors };
    let Signature { ident, generics, inputs, .. } = sig;
    let (params, _, predicates) = generics.split_for_impl();
    let (entry, body) = (paths.entry(), paths::unimplemented());
    quote! {
        #(#attrs)*
        #[allow(unused_variables, dead_code)]
        #vis fn #ident #params(#inputs) -> #entry<#output> #predicates { #body }
        #errors
    }
}
