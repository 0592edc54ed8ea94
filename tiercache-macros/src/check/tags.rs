//! Tags: what they name is in the key, so that whoever has the key has the tags.

use proc_macro2::Ident;
use syn::ext::IdentExt as _;
use syn::parse::Parser as _;
use syn::{Expr, Lit, LitStr};

use super::key::{bare, is_variable};
use super::options;
use crate::attr::Word;
use crate::diag::{self, Errors};
use crate::format;
use crate::item::Args;
use crate::model::{Key, Tag, ungrouped};
use crate::names::Names;

/// An envelope has room for 255 groups; so many are too many long before.
const MOST: usize = 64;

/// The tags of a cached function or of an address with this key.
pub(super) fn of_key(word: Option<Word<Vec<Expr>>>, key: &Key, args: &Args, errors: &mut Errors) -> Vec<Tag> {
    let Some(word) = word else { return Vec::new() };
    if let Some(first) = word.value.get(MOST) {
        errors.push(diag::tags::too_many(first, MOST));
    }
    let judge = |expr| tag(expr, args, &mut |tag, name| in_key(tag, name, key), errors);
    word.value.into_iter().filter_map(judge).collect()
}

/// The tags that a writer names: any argument may be in them.
pub(super) fn of_writer(word: Word<Vec<Expr>>, args: &Args, errors: &mut Errors) -> Vec<Tag> {
    let judge = |expr| tag(expr, args, &mut |_, _| Ok(()), errors);
    word.value.into_iter().filter_map(judge).collect()
}

type Rule<'a> = &'a mut dyn FnMut(&Expr, &Ident) -> syn::Result<()>;

/// A tag; `rule` judges the arguments that are in it.
fn tag(expr: Expr, args: &Args, rule: Rule<'_>, errors: &mut Errors) -> Option<Tag> {
    let expr = ungrouped(expr);
    let (tag, used) = match options::literal(&expr) {
        Some(Lit::Str(text)) => literal(text, args, errors)?,
        _ => value(&expr, args, errors),
    };
    for name in &used {
        if let Err(error) = rule(&expr, name) {
            errors.push(error);
        }
    }
    Some(tag)
}

/// A format string, and the arguments in it.
fn literal(text: &LitStr, args: &Args, errors: &mut Errors) -> Option<(Tag, Vec<Ident>)> {
    let value = text.value();
    if value.is_empty() {
        errors.push(diag::tags::empty(text));
        return None;
    }
    let mut used = Vec::new();
    for name in format::arguments(&value) {
        if name.chars().all(|c| c.is_ascii_digit()) {
            errors.push(diag::tags::positional(text));
            return None;
        }
        // What is no name is rustc's to tell.
        let Ok(mut name) = Ident::parse_any.parse_str(name) else { continue };
        name.set_span(text.span());
        if args.knows(&name) {
            used.push(name);
        } else if is_variable(&name) {
            errors.push(diag::unknown_argument(&name, &args.names()));
        }
    }
    let is_plain = !value.contains(['{', '}']);
    Some((if is_plain { Tag::Plain(text.clone()) } else { Tag::Format(text.clone()) }, used))
}

/// An expression, and the arguments in it.
fn value(expr: &Expr, args: &Args, errors: &mut Errors) -> (Tag, Vec<Ident>) {
    if let Some(name) = bare(expr).filter(|name| is_variable(name) && !args.knows(name)) {
        errors.push(diag::unknown_argument(name, &args.names()));
    }
    let names = Names::of(expr);
    let receiver = args.receiver.as_ref().filter(|_| names.has_word("self"));
    let receiver = receiver.map(|receiver| Ident::new("self", receiver.self_token.span));
    let used = args.named.iter().map(|arg| &arg.name).filter(|name| names.has(name)).cloned();
    (Tag::Value(expr.clone()), receiver.into_iter().chain(used).collect())
}

/// Whether an argument is in the key.
fn in_key(tag: &Expr, name: &Ident, key: &Key) -> syn::Result<()> {
    match key {
        Key::Arguments { skip: _ } if name == "self" => Err(diag::tags::without_self(tag)),
        Key::Arguments { skip } if skip.contains(name) => Err(diag::tags::skipped(tag, name)),
        Key::Arguments { skip: _ } => Ok(()),
        Key::Expressions(parts) => {
            let is_in = |part: &Expr| {
                let names = Names::of(part);
                names.has(name) || (name == "self" && names.has_word("self"))
            };
            if parts.iter().any(is_in) { Ok(()) } else { Err(diag::tags::not_in_key(tag, name)) }
        }
    }
}
