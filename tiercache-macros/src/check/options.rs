//! The values of options.

use core::time::Duration;

use proc_macro2::Ident;
use syn::ext::IdentExt as _;
use syn::{Expr, ExprLit, Lit, LitStr, Type};

use super::running;
use crate::attr::{self, Fault, Literals, Place, Word};
use crate::diag::{self, Errors};
use crate::item::{argument, last_segment};
use crate::model::{Policy, Running, Settings};

/// The codecs by the names of their features.
const CODECS: &[(&str, &str)] = &[("bincode", "Bincode"), ("postcard", "Postcard"), ("json", "Json")];
/// The write modes by their words.
const WRITES: &[(&str, &str)] = &[("through", "Through"), ("behind", "Behind")];

/// What is wrong with the words themselves.
pub(super) fn faults(faults: Vec<Fault>, place: Place, errors: &mut Errors) {
    for fault in faults {
        errors.push(match fault {
            Fault::Unknown(name) => diag::unknown_option(&name, place),
            Fault::Misplaced(name) => diag::misplaced_option(&name),
            Fault::Repeated(name) => diag::repeated_option(&name),
            Fault::Malformed(name, token) => diag::malformed_option(&name, token),
            Fault::Nameless(token) => diag::nameless_option(token),
        });
    }
}

/// The options about the address.
pub(super) fn settings(words: Literals, function: &Ident, output: Option<&Type>, errors: &mut Errors) -> Settings {
    let Literals { ttl, l1_ttl, none_ttl, prefix, cache, version, id, codec, stale_if_error, jitter, write } = words;
    let life = ttl.as_ref().and_then(|word| duration(word, errors));
    let mut shorter = |word: Option<Word<Expr>>| {
        let word = word?;
        let duration = duration(&word, errors)?;
        if life.is_some_and(|life| duration > life) {
            errors.push(diag::longer_than_ttl(&word.name, &word.value));
        }
        Some(duration)
    };
    let l1_ttl = shorter(l1_ttl);
    let none_ttl = none_ttl.and_then(|word| {
        if output.is_some_and(never_none) {
            errors.push(diag::none_ttl_without_none(&word.name));
        }
        duration(&word, errors)
    });
    let version = version.and_then(|word| version_of(&word, errors));
    let cache = cache.and_then(|word| text(&word, errors));
    let codec = codec.and_then(|word| codec_of(&word, errors));
    let stale_if_error = stale_if_error.and_then(|word| duration(&word, errors));
    let jitter = jitter.and_then(|word| running::jitter(&word, errors));
    let write = write.and_then(|word| write_of(&word, errors));
    let running = Running::default();
    let policy = Policy { ttl: life, l1_ttl, none_ttl, version, cache, codec, stale_if_error, jitter, write, running };
    let id = id.and_then(|word| text(&word, errors));
    Settings { prefix: prefix_of(prefix.as_ref(), function, errors), id, policy }
}

/// What `entry = …` says.
pub(super) enum EntryWish {
    No,
    Named(Ident),
}

/// `entry = false` or `entry = name`.
pub(super) fn entry(word: &Word<Expr>, errors: &mut Errors) -> Option<EntryWish> {
    let wish = match &word.value {
        Expr::Lit(ExprLit { lit: Lit::Bool(value), .. }) if !value.value => Some(EntryWish::No),
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident().cloned().map(EntryWish::Named),
        _ => None,
    };
    if wish.is_none() {
        errors.push(diag::bad_entry(&word.value));
    }
    wish
}

pub(super) fn duration(word: &Word<Expr>, errors: &mut Errors) -> Option<Duration> {
    let duration = match literal(&word.value) {
        Some(Lit::Int(secs)) if secs.suffix().is_empty() => secs.base10_parse().ok().map(Duration::from_secs),
        Some(Lit::Str(text)) => attr::duration(&text.value()),
        _ => None,
    };
    // Milliseconds in 64 bits are what the runtime counts in.
    match duration.filter(|duration| u64::try_from(duration.as_millis()).is_ok()) {
        None => errors.push(diag::bad_duration(&word.name, &word.value)),
        Some(duration) if duration.is_zero() => errors.push(diag::zero_duration(&word.name, &word.value)),
        Some(_) => {}
    }
    duration
}

fn version_of(word: &Word<Expr>, errors: &mut Errors) -> Option<u32> {
    let version = match literal(&word.value) {
        Some(Lit::Int(version)) => version.base10_parse().ok(),
        _ => None,
    };
    if version.is_none() {
        errors.push(diag::bad_version(&word.value));
    }
    version
}

fn text(word: &Word<Expr>, errors: &mut Errors) -> Option<LitStr> {
    match literal(&word.value) {
        Some(Lit::Str(text)) if !text.value().is_empty() => Some(text.clone()),
        _ => {
            errors.push(diag::not_text(&word.name, &word.value));
            None
        }
    }
}

fn codec_of(word: &Word<Expr>, errors: &mut Errors) -> Option<Ident> {
    let text = text(word, errors)?;
    let known = CODECS.iter().find(|(name, _)| *name == text.value());
    if known.is_none() {
        errors.push(diag::bad_codec(&text, CODECS));
    }
    known.map(|(_, variant)| Ident::new(variant, text.span()))
}

fn write_of(word: &Word<Expr>, errors: &mut Errors) -> Option<Ident> {
    let text = text(word, errors)?;
    let known = WRITES.iter().find(|(name, _)| *name == text.value());
    if known.is_none() {
        errors.push(diag::bad_write(&text, WRITES));
    }
    known.map(|(_, variant)| Ident::new(variant, text.span()))
}

fn prefix_of(word: Option<&Word<Expr>>, function: &Ident, errors: &mut Errors) -> String {
    let Some(word) = word else {
        let name = function.unraw().to_string();
        if !is_prefix(&name) {
            errors.push(diag::no_prefix(function));
        }
        return name;
    };
    match literal(&word.value) {
        Some(Lit::Str(text)) if is_prefix(&text.value()) => text.value(),
        _ => {
            errors.push(diag::bad_prefix(&word.value));
            String::new()
        }
    }
}

pub(super) fn is_prefix(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    text.split(':').all(|segment| !segment.is_empty() && segment.chars().all(allowed))
}

pub(super) fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(literal) => Some(&literal.lit),
        // An argument of the `macro_rules!` that wrote the attribute.
        Expr::Group(group) => literal(&group.expr),
        _ => None,
    }
}

/// Whether a type is no `Option` by its very spelling. Any other name may be an alias of one.
fn never_none(output: &Type) -> bool {
    let value = argument(output, "Result").unwrap_or(output);
    matches!(value, Type::Tuple(_) | Type::Array(_))
        || last_segment(value).is_some_and(|segment| is_plain(&segment.ident))
}

/// Whether a name is that of a type of the standard library that every scope has, or `other`.
pub(super) fn is_plain_or(name: &Ident, other: &str) -> bool {
    name == other || is_plain(name)
}

fn is_plain(name: &Ident) -> bool {
    const PLAIN: [&str; 18] = [
        "String", "Vec", "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32",
        "u64", "u128", "usize",
    ];
    PLAIN.iter().any(|plain| name == plain)
}
