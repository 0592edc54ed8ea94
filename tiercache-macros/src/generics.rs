//! A function's generics, cut down to what its companion needs.

use core::mem::take;

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{GenericParam, Generics};

use crate::names::Names;

/// These generics with only `params` of their types and consts, the lifetimes that `signature` or a kept bound mentions,
/// and no bound that speaks of what is gone.
pub(crate) fn restricted(all: &Generics, params: &[&Ident], signature: &TokenStream) -> Generics {
    let mut mentioned = Names::of(signature);
    all.type_params().filter(|param| params.contains(&&param.ident)).for_each(|param| mentioned.add(&param.bounds));
    let keeps = |param: &GenericParam| match param {
        GenericParam::Lifetime(param) => mentioned.has_lifetime(&param.lifetime.ident),
        GenericParam::Type(param) => params.contains(&&param.ident),
        GenericParam::Const(param) => params.contains(&&param.ident),
    };
    let (kept, gone): (Vec<_>, Vec<_>) = all.params.iter().cloned().partition(keeps);
    let mut generics = all.clone();
    generics.params = kept.into_iter().collect();
    for param in generics.type_params_mut() {
        param.bounds = take(&mut param.bounds).into_iter().filter(|bound| free_of(&gone, bound)).collect();
    }
    for param in generics.lifetimes_mut() {
        param.bounds = take(&mut param.bounds).into_iter().filter(|bound| free_of(&gone, bound)).collect();
    }
    if let Some(clause) = &mut generics.where_clause {
        clause.predicates = take(&mut clause.predicates).into_iter().filter(|it| free_of(&gone, it)).collect();
    }
    generics
}

/// Whether these tokens speak of none of these parameters.
fn free_of(gone: &[GenericParam], tokens: &impl ToTokens) -> bool {
    let names = Names::of(tokens);
    !gone.iter().any(|param| match param {
        GenericParam::Lifetime(param) => names.has_lifetime(&param.lifetime.ident),
        GenericParam::Type(param) => names.has(&param.ident),
        GenericParam::Const(param) => names.has(&param.ident),
    })
}
