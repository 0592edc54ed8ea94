//! How a body is run: what contradicts itself, and what needs an error to return.

use core::time::Duration;

use syn::{Expr, Lit, Type};

use super::options::{duration, is_plain_or, literal};
use crate::attr::{self, Word};
use crate::diag::Errors;
use crate::diag::running as diag;
use crate::item::{argument, last_segment};
use crate::model::{Ahead, Running};

/// The options of a function, which has a stale window beside its own or has none.
pub(super) fn of_function(
    words: attr::Running,
    has_window: bool,
    output: Option<&Type>,
    errors: &mut Errors,
) -> Running {
    let attr::Running { stale_while_revalidate, refresh_ahead, timeout, soft_timeout, detach } = words;
    let has_window = has_window || stale_while_revalidate.is_some();
    if let Some(word) = timeout.as_ref().filter(|_| output.is_some_and(never_fails)) {
        errors.push(diag::timeout_without_error(&word.name));
    }
    if let Some(word) = soft_timeout.as_ref().filter(|_| !has_window) {
        errors.push(diag::nothing_stale(&word.name));
    }
    let mut time = |word: Option<&Word<Expr>>| word.and_then(|word| duration(word, errors));
    let limit = time(timeout.as_ref());
    let soft = time(soft_timeout.as_ref());
    let window = time(stale_while_revalidate.as_ref());
    if let Some(word) = soft_timeout.filter(|_| is_late(soft, limit)) {
        errors.push(diag::later_than_timeout(&word.value));
    }
    Running {
        stale_while_revalidate: window,
        refresh_ahead: refresh_ahead.and_then(|word| ahead(&word, errors)),
        timeout: limit,
        soft_timeout: soft,
        detach: detach.is_some(),
    }
}

fn is_late(soft: Option<Duration>, limit: Option<Duration>) -> bool {
    soft.zip(limit).is_some_and(|(soft, limit)| soft >= limit)
}

/// A share of a life, between 0 and 1, or `"auto"`.
fn ahead(word: &Word<Expr>, errors: &mut Errors) -> Option<Ahead> {
    let ahead = match literal(&word.value) {
        Some(Lit::Str(text)) if text.value() == "auto" => Some(Ahead::Auto),
        _ => share(&word.value).filter(|share| *share > 0.0 && *share < 1.0).map(Ahead::Share),
    };
    if ahead.is_none() {
        errors.push(diag::bad_ahead(&word.value));
    }
    ahead
}

/// A share of a life, at least 0 and less than 1.
pub(super) fn jitter(word: &Word<Expr>, errors: &mut Errors) -> Option<f64> {
    let share = share(&word.value).filter(|share| *share < 1.0);
    if share.is_none() {
        errors.push(diag::bad_jitter(&word.value));
    }
    share
}

/// A number that is not negative.
fn share(value: &Expr) -> Option<f64> {
    match literal(value)? {
        Lit::Float(share) => share.base10_parse().ok(),
        Lit::Int(share) => share.base10_parse().ok(),
        _ => None,
    }
}

/// Whether a type is no `Result` by its very spelling. Any other name may be an alias of one.
fn never_fails(output: &Type) -> bool {
    argument(output, "Result").is_none()
        && (matches!(output, Type::Tuple(_) | Type::Array(_))
            || last_segment(output).is_some_and(|segment| is_plain_or(&segment.ident, "Option")))
}
