//! What is in the key: every argument is, or is skipped, or the key is given.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Expr, ExprPath};

use super::signature::has_hash_set;
use crate::attr::Word;
use crate::diag::{self, Errors};
use crate::item::{Arg, Args};
use crate::model::{Key, expressions};
use crate::names::Names;

/// The names in `skip(…)`, each once and each an argument's.
pub(super) fn skipped(word: Option<Word<Vec<Ident>>>, args: &Args, errors: &mut Errors) -> Vec<Ident> {
    let mut skipped: Vec<Ident> = Vec::new();
    for name in word.map(|word| word.value).unwrap_or_default() {
        if !args.knows(&name) {
            errors.push(diag::unknown_argument(&name, &args.names()));
        } else if skipped.contains(&name) {
            errors.push(diag::skipped_twice(&name));
        }
        skipped.push(name);
    }
    skipped
}

/// The key of a function that has an address of its own.
pub(super) fn of_function(word: Option<Word<Expr>>, skip: Vec<Ident>, args: &Args, errors: &mut Errors) -> Key {
    let skips_self = skip.iter().any(|name| name == "self");
    let undecided = args.receiver.as_ref().filter(|_| !skips_self);
    match word {
        None => {
            if let Some(receiver) = undecided {
                errors.push(diag::self_undecided(receiver));
            }
            parts(args.named.iter().filter(|arg| !skip.contains(&arg.name)), errors);
            Key::Arguments { skip }
        }
        Some(word) => {
            let names = Names::of(&word.value);
            contradictions(&skip, &names, &word.name, errors);
            if let Some(receiver) = undecided.filter(|_| !names.has_word("self")) {
                errors.push(diag::self_undecided(receiver));
            }
            Key::Expressions(given(word.value, args, errors))
        }
    }
}

/// The key of an `entry!`, which takes nothing that is not in it.
pub(super) fn of_address(word: Option<Word<Expr>>, args: &Args, errors: &mut Errors) -> Key {
    let names = word.as_ref().map(|word| Names::of(&word.value));
    let uses_self = names.as_ref().is_some_and(|names| names.has_word("self"));
    if let Some(receiver) = args.receiver.as_ref().filter(|_| !uses_self) {
        errors.push(diag::self_of_address(receiver));
    }
    let Some((word, names)) = word.zip(names) else {
        parts(args.named.iter(), errors);
        return Key::Arguments { skip: Vec::new() };
    };
    for arg in args.named.iter().filter(|arg| !names.has(&arg.name)) {
        errors.push(diag::not_in_address_key(&arg.name));
    }
    Key::Expressions(given(word.value, args, errors))
}

/// A function that is cached at an address: what is not skipped chooses the address.
pub(super) fn at(address: &Word<Expr>, skip: &[Ident], args: &Args, errors: &mut Errors) {
    let names = Names::of(&address.value);
    contradictions(skip, &names, &address.name, errors);
    let skips_self = skip.iter().any(|name| name == "self");
    if let Some(receiver) = args.receiver.as_ref().filter(|_| !skips_self && !names.has_word("self")) {
        errors.push(diag::self_undecided_at(receiver));
    }
    for arg in args.named.iter().filter(|arg| !names.has(&arg.name) && !skip.contains(&arg.name)) {
        errors.push(diag::not_at(&arg.name));
    }
}

fn contradictions(skip: &[Ident], names: &Names, by: &Ident, errors: &mut Errors) {
    for name in skip.iter().filter(|name| names.has(name)) {
        errors.push(diag::skipped_and_used(name, &by.to_string()));
    }
}

/// The expressions of `key = …`.
fn given(key: Expr, args: &Args, errors: &mut Errors) -> Vec<Expr> {
    let span = key.to_token_stream();
    let expressions = expressions(key);
    if expressions.is_empty() {
        errors.push(diag::empty_key(span));
    }
    for name in expressions.iter().filter_map(bare) {
        match args.named.iter().find(|arg| arg.name == *name) {
            Some(arg) => parts(core::iter::once(arg), errors),
            None if is_variable(name) && !args.knows(name) => {
                errors.push(diag::unknown_argument(name, &args.names()));
            }
            None => {}
        }
    }
    expressions
}

/// Arguments that are parts of the key as they are.
fn parts<'a>(args: impl Iterator<Item = &'a Arg>, errors: &mut Errors) {
    for arg in args {
        if has_hash_set(&arg.ty) {
            errors.push(diag::hash_set(&arg.ty));
        }
        if let Some(cfg) = arg.attrs.iter().find(|attr| attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr"))
        {
            errors.push(diag::conditional_argument(cfg));
        }
    }
}

pub(super) fn bare(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Path(ExprPath { qself: None, path, .. }) => path.get_ident(),
        _ => None,
    }
}

/// Whether a name is spelled as a variable's; a constant can be part of a key.
pub(super) fn is_variable(name: &Ident) -> bool {
    !name.to_string().starts_with(char::is_uppercase)
}
