//! What a function that writes may say that it invalidates.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens as _;
use syn::{Error, Expr, ExprClosure, ExprPath, Lit, Path};

use super::{options, signature, tags};
use crate::attr::{self, Word};
use crate::diag::Errors;
use crate::diag::writes::{self, Writer};
use crate::item::{Function, is_declaration};
use crate::model::{Plan, Target, ungrouped};
use crate::paths::Paths;

/// Judges a function and what it invalidates: everything that is wrong with them, or the plan.
pub(crate) fn invalidates(function: &Function, targets: Vec<attr::writes::Target>) -> Result<Plan, Error> {
    let mut errors = Errors::default();
    signature::writer(function, Writer::Invalidates, &mut errors);
    if targets.is_empty() {
        errors.push(writes::nothing());
    }
    let mut given = Given::default();
    let judged: Vec<Target> =
        targets.into_iter().filter_map(|target| judge(target, function, &mut given, &mut errors)).collect();
    let Given { always, everything: _, krate } = given;
    if let Some(always) = &always {
        // Faults in the other arguments are told by themselves.
        if errors.is_empty() && !judged.iter().any(|target| !matches!(target, Target::Later(_))) {
            errors.push(writes::nothing_always(always));
        }
    } else if errors.is_empty() && judged.is_empty() {
        errors.push(writes::nothing());
    }
    let paths = Paths::new(krate.as_ref().map(|word| &word.value));
    errors.or(Plan { paths, updated: None, targets: judged, always: always.is_some() })
}

/// Judges a function, the address of what it returns, and what else it invalidates.
pub(crate) fn updates(function: &Function, targets: Vec<attr::writes::Target>) -> Result<Plan, Error> {
    let mut errors = Errors::default();
    signature::writer(function, Writer::Updates, &mut errors);
    signature::updater(function, &mut errors);
    if targets.is_empty() {
        errors.push(writes::nothing_updated());
    }
    let mut targets = targets.into_iter();
    let mut given = Given::default();
    let updated = targets.next().and_then(|first| updated(first, function, &mut errors));
    let targets = targets.filter_map(|target| judge(target, function, &mut given, &mut errors)).collect();
    let Given { always, everything: _, krate } = given;
    let paths = Paths::new(krate.as_ref().map(|word| &word.value));
    errors.or(Plan { paths, updated, targets, always: always.is_some() })
}

/// What is under an attribute of writers and is no function with a body.
pub(crate) fn no_function(attribute: Writer, item: &TokenStream) -> Error {
    if is_declaration(item.clone()) {
        writes::no_body(attribute, item)
    } else {
        writes::not_a_function(attribute, item)
    }
}

/// The address of the value that the function returns: known before the body, for it is asked for a token.
fn updated(first: attr::writes::Target, function: &Function, errors: &mut Errors) -> Option<Expr> {
    use attr::writes::Target as Read;
    let refused = match first {
        Read::Expression(expr) => match ungrouped(expr) {
            Expr::Closure(closure) => writes::told_too_late(&closure),
            Expr::Lit(literal) => writes::no_entry(&literal.into_token_stream()),
            entry => return Some(entry),
        },
        Read::Name(name) if function.args.knows(&name) => return Some(path(name)),
        Read::Unreadable(token) => writes::unreadable(token),
        Read::Name(name) | Read::Unknown(name) | Read::Malformed(name) => writes::no_entry(&name.into_token_stream()),
        Read::Prefix(word) => writes::no_entry(&word.name.into_token_stream()),
        Read::Tags(word) => writes::no_entry(&word.name.into_token_stream()),
        Read::Crate(word) => writes::no_entry(&word.name.into_token_stream()),
    };
    errors.push(refused);
    None
}

/// Words that are given once.
#[derive(Default)]
struct Given {
    always: Option<Ident>,
    everything: Option<Ident>,
    krate: Option<Word<Path>>,
}

fn judge(target: attr::writes::Target, function: &Function, given: &mut Given, errors: &mut Errors) -> Option<Target> {
    use attr::writes::Target as Read;
    match target {
        Read::Expression(expr) => return expression(expr, errors),
        Read::Prefix(word) => return prefix(&word, errors),
        Read::Tags(word) => return Some(Target::Tags(tags::of_writer(word, &function.args, errors))),
        Read::Name(name) if name == "always" => once(&mut given.always, &name.clone(), name, errors),
        Read::Name(name) if name == "everything" => {
            once(&mut given.everything, &name.clone(), name, errors);
            return Some(Target::Everything);
        }
        Read::Name(name) if function.args.knows(&name) => return Some(Target::Entry(path(name))),
        Read::Name(name) | Read::Unknown(name) => errors.push(writes::unknown(&name)),
        Read::Crate(word) => once(&mut given.krate, &word.name.clone(), word, errors),
        Read::Malformed(name) => errors.push(writes::malformed(&name)),
        Read::Unreadable(token) => errors.push(writes::unreadable(token)),
    }
    None
}

fn once<T>(slot: &mut Option<T>, name: &Ident, value: T, errors: &mut Errors) {
    if slot.is_some() {
        errors.push(crate::diag::repeated_option(name));
    }
    *slot = Some(value);
}

fn expression(expr: Expr, errors: &mut Errors) -> Option<Target> {
    match ungrouped(expr) {
        Expr::Closure(closure) => later(closure, errors),
        Expr::Lit(literal) => {
            errors.push(writes::literal(&literal));
            None
        }
        entry => Some(Target::Entry(entry)),
    }
}

fn later(closure: ExprClosure, errors: &mut Errors) -> Option<Target> {
    if closure.inputs.len() != 1 {
        errors.push(writes::not_of_one(&closure));
        return None;
    }
    Some(Target::Later(Expr::Closure(closure)))
}

fn prefix(word: &Word<Expr>, errors: &mut Errors) -> Option<Target> {
    match options::literal(&word.value) {
        Some(Lit::Str(text)) if options::is_prefix(&text.value()) => Some(Target::Prefix(text.clone())),
        _ => {
            errors.push(writes::bad_prefix(&word.value));
            None
        }
    }
}

fn path(name: Ident) -> Expr {
    Expr::Path(ExprPath { attrs: Vec::new(), qself: None, path: Path::from(name) })
}
