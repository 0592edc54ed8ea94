//! What is refused. Nothing else in this crate may refuse.

pub(crate) mod batch;
mod key;
mod options;
mod running;
mod signature;
mod tags;
pub(crate) mod writes;

use proc_macro2::{Ident, TokenStream};
use syn::{Error, Expr, Type};

use self::options::EntryWish;
use crate::attr::{About, Literals, Place, Word, Words};
use crate::diag::{self, Errors};
use crate::item::{Address, Form, Function, is_declaration};
use crate::model::{CompanionWish, Home, Keeping, Key, Own, Settings, Tag, Wishes};
use crate::paths::Paths;

/// Judges a function and its options: everything that is wrong with them, or what they ask for.
pub(crate) fn cached(function: &Function, words: Words) -> Result<(Type, Wishes), Error> {
    // A batch is judged by itself.
    let Words {
        literals,
        running,
        ttl_from,
        key,
        tags,
        skip,
        cache_if,
        at,
        batch: _,
        value,
        entry,
        krate,
        given,
        faults,
    } = words;
    let mut errors = Errors::default();
    signature::function(function, value.as_ref().map(|word| &word.value), &mut errors);
    options::faults(faults, Place::Function, &mut errors);
    let has_window = literals.stale_if_error.is_some() || at.is_some();
    let running = running::of_function(running, has_window, function.output.as_ref(), &mut errors);
    let skip = key::skipped(skip, &function.args, &mut errors);
    let home = if let Some(address) = at {
        key::at(&address, &skip, &function.args, &mut errors);
        beside_at(&given, &mut errors);
        Home::At(address.value)
    } else {
        let settings = settings(literals, function, &mut errors);
        let key = key::of_function(key, skip, &function.args, &mut errors);
        let tags = tags::of_key(tags, &key, &function.args, &mut errors);
        let companion = companion(value, entry.as_ref(), &function.form, &mut errors);
        Home::Own(Box::new(Own { settings, key, tags, companion }))
    };
    let paths = Paths::new(krate.as_ref().map(|word| &word.value));
    let keeping = Keeping { cache_if: cache_if.map(|word| word.value), ttl_from: ttl_from.map(|word| word.value) };
    let wishes = Wishes { paths, home, keeping, running };
    match function.output.clone() {
        Some(output) => errors.or((output, wishes)),
        // A function without a return type has an error already.
        None => errors.or(()).and_then(|()| Err(diag::nothing_to_store(&function.sig.ident))),
    }
}

/// Judges an `entry!`.
pub(crate) fn declared(address: &Address, words: Words) -> Result<(Type, Settings, Key, Vec<Tag>), Error> {
    // The reader has refused the options of functions.
    let Words {
        literals,
        running: _,
        ttl_from: _,
        key,
        tags,
        skip: _,
        cache_if: _,
        at: _,
        batch: _,
        value: _,
        entry: _,
        krate: _,
        given: _,
        faults,
    } = words;
    let mut errors = Errors::default();
    signature::address(&address.sig, &address.args, address.output.as_ref(), &mut errors);
    options::faults(faults, Place::Entry, &mut errors);
    let settings = options::settings(literals, &address.sig.ident, None, &mut errors);
    let key = key::of_address(key, &address.args, &mut errors);
    let tags = tags::of_key(tags, &key, &address.args, &mut errors);
    match address.output.clone() {
        Some(value) => errors.or((value, settings, key, tags)),
        None => errors.or(()).and_then(|()| Err(diag::address_of_nothing(&address.sig.ident))),
    }
}

/// What is under `#[cached]` and is no function with a body.
pub(crate) fn no_function(item: &TokenStream) -> Error {
    if is_declaration(item.clone()) { diag::no_body(item) } else { diag::not_a_function(item) }
}

/// What is in an `entry!` and is no function without a body.
pub(crate) fn no_address(error: &Error) -> Error {
    diag::not_an_address(error)
}

fn settings(literals: Literals, function: &Function, errors: &mut Errors) -> Settings {
    options::settings(literals, &function.sig.ident, function.output.as_ref(), errors)
}

/// Options that say what the address itself says.
fn beside_at(given: &[(Ident, About)], errors: &mut Errors) {
    for (name, about) in given {
        match about {
            About::Address => errors.push(diag::belongs_to_address(name)),
            About::Companion => errors.push(diag::no_companion(name)),
            About::Function | About::Macro => {}
        }
    }
}

/// The companion that is asked for: none under `#[async_trait]`, for the trait has no such method.
fn companion(
    value: Option<Word<Type>>,
    entry: Option<&Word<Expr>>,
    form: &Form,
    errors: &mut Errors,
) -> Option<CompanionWish> {
    let boxed = matches!(form, Form::Boxed(_));
    let wish = entry.and_then(|word| options::entry(word, errors));
    let refused = matches!(wish, Some(EntryWish::No));
    if let Some(word) = entry.filter(|_| boxed && !refused) {
        errors.push(diag::no_companion_when_boxed(&word.name));
    }
    if let Some(word) = value.as_ref().filter(|_| boxed || refused) {
        errors.push(if boxed { diag::no_companion_when_boxed(&word.name) } else { diag::no_companion(&word.name) });
    }
    let name = match wish {
        Some(EntryWish::Named(name)) => Some(name),
        Some(EntryWish::No) | None => None,
    };
    (!boxed && !refused).then(|| CompanionWish { name, value: value.map(|word| word.value) })
}
