//! Words to spanned options. One table knows every option; nothing is judged here, only read.

pub(crate) mod batch;
pub(crate) mod writes;

use core::time::Duration;

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::discouraged::Speculative as _;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Expr, Path, Token, Type, parenthesized};

/// An option as given: its name, for spans, and its value.
pub(crate) struct Word<T> {
    pub(crate) name: Ident,
    pub(crate) value: T,
}

/// The options whose values are literals, all about the address.
#[derive(Default)]
pub(crate) struct Literals {
    pub(crate) ttl: Option<Word<Expr>>,
    pub(crate) l1_ttl: Option<Word<Expr>>,
    pub(crate) none_ttl: Option<Word<Expr>>,
    pub(crate) prefix: Option<Word<Expr>>,
    pub(crate) cache: Option<Word<Expr>>,
    pub(crate) version: Option<Word<Expr>>,
    pub(crate) id: Option<Word<Expr>>,
    pub(crate) codec: Option<Word<Expr>>,
    pub(crate) stale_if_error: Option<Word<Expr>>,
    pub(crate) jitter: Option<Word<Expr>>,
    pub(crate) write: Option<Word<Expr>>,
}

/// The options that say how a function's body is run.
#[derive(Default)]
pub(crate) struct Running {
    pub(crate) stale_while_revalidate: Option<Word<Expr>>,
    pub(crate) refresh_ahead: Option<Word<Expr>>,
    pub(crate) timeout: Option<Word<Expr>>,
    pub(crate) soft_timeout: Option<Word<Expr>>,
    pub(crate) detach: Option<Word<()>>,
}

/// Every option as given, and everything that is none.
#[derive(Default)]
pub(crate) struct Words {
    pub(crate) literals: Literals,
    pub(crate) running: Running,
    pub(crate) ttl_from: Option<Word<Expr>>,
    pub(crate) key: Option<Word<Expr>>,
    pub(crate) tags: Option<Word<Vec<Expr>>>,
    pub(crate) skip: Option<Word<Vec<Ident>>>,
    pub(crate) cache_if: Option<Word<Expr>>,
    pub(crate) at: Option<Word<Expr>>,
    pub(crate) batch: Option<Word<batch::Elements>>,
    pub(crate) value: Option<Word<Type>>,
    pub(crate) entry: Option<Word<Expr>>,
    pub(crate) krate: Option<Word<Path>>,
    /// The options given, in order, with what they belong to.
    pub(crate) given: Vec<(Ident, About)>,
    pub(crate) faults: Vec<Fault>,
}

/// What is wrong with the words themselves.
pub(crate) enum Fault {
    /// No option has this name.
    Unknown(Ident),
    /// An option of functions, given to `entry!`.
    Misplaced(Ident),
    /// Given before.
    Repeated(Ident),
    /// The value cannot be read; with the token where reading stopped.
    Malformed(Ident, Option<TokenTree>),
    /// Something else than the name of an option.
    Nameless(TokenTree),
}

/// What an option is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// The cached value: an option of `entry!` as well.
    Address,
    /// This function.
    Function,
    /// The companion of this function.
    Companion,
    /// The expansion.
    Macro,
}

/// One option.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// How it is written, for errors.
    pub(crate) example: &'static str,
    about: About,
    read: fn(&mut Words, Ident, ParseStream<'_>) -> Result<(), Fault>,
}

#[rustfmt::skip]
pub(crate) const TABLE: &[Row] = &[
    row("ttl", r#"ttl = 300` or `ttl = "5m""#, About::Address, |w, n, i| set_once(&mut w.literals.ttl, is(n, i)?)),
    row("l1_ttl", "l1_ttl = 30", About::Address, |w, n, i| set_once(&mut w.literals.l1_ttl, is(n, i)?)),
    row("none_ttl", "none_ttl = 30", About::Address, |w, n, i| set_once(&mut w.literals.none_ttl, is(n, i)?)),
    row("prefix", r#"prefix = "user""#, About::Address, |w, n, i| set_once(&mut w.literals.prefix, is(n, i)?)),
    row("key", "key = (tenant, id.0)", About::Address, |w, n, i| set_once(&mut w.key, is(n, i)?)),
    row("cache", r#"cache = "prompt""#, About::Address, |w, n, i| set_once(&mut w.literals.cache, is(n, i)?)),
    row("version", "version = 2", About::Address, |w, n, i| set_once(&mut w.literals.version, is(n, i)?)),
    row("id", r#"id = "shop.get_user""#, About::Address, |w, n, i| set_once(&mut w.literals.id, is(n, i)?)),
    row("codec", r#"codec = "json""#, About::Address, |w, n, i| set_once(&mut w.literals.codec, is(n, i)?)),
    row("tags", r#"tags("user:{id}", "users")"#, About::Address, |w, n, i| set_once(&mut w.tags, several(n, i)?)),
    row("stale_if_error", "stale_if_error = 600", About::Address, |w, n, i| set_once(&mut w.literals.stale_if_error, is(n, i)?)),
    row("jitter", "jitter = 0.1", About::Address, |w, n, i| set_once(&mut w.literals.jitter, is(n, i)?)),
    row("write", r#"write = "behind""#, About::Address, |w, n, i| set_once(&mut w.literals.write, is(n, i)?)),
    row("stale_while_revalidate", "stale_while_revalidate = 60", About::Function, |w, n, i| set_once(&mut w.running.stale_while_revalidate, is(n, i)?)),
    row("refresh_ahead", r#"refresh_ahead = 0.8` or `refresh_ahead = "auto""#, About::Function, |w, n, i| set_once(&mut w.running.refresh_ahead, is(n, i)?)),
    row("timeout", r#"timeout = "2s""#, About::Function, |w, n, i| set_once(&mut w.running.timeout, is(n, i)?)),
    row("soft_timeout", r#"soft_timeout = "50ms""#, About::Function, |w, n, i| set_once(&mut w.running.soft_timeout, is(n, i)?)),
    row("detach", "detach", About::Function, |w, n, i| set_once(&mut w.running.detach, flag(n, i)?)),
    row("ttl_from", "ttl_from = |token| token.lifetime", About::Function, |w, n, i| set_once(&mut w.ttl_from, is(n, i)?)),
    row("skip", "skip(db, trace_id)", About::Function, |w, n, i| set_once(&mut w.skip, list(n, i)?)),
    row("cache_if", "cache_if = |user| user.active", About::Function, |w, n, i| set_once(&mut w.cache_if, is(n, i)?)),
    row("at", "at = user_entry(id)", About::Function, |w, n, i| set_once(&mut w.at, is(n, i)?)),
    row("batch", "batch(ids, get_user_entry)", About::Function, |w, n, i| set_once(&mut w.batch, batch::elements(n, i)?)),
    row("value", "value = User", About::Companion, |w, n, i| set_once(&mut w.value, is(n, i)?)),
    row("entry", "entry = false` or `entry = user_entry", About::Companion, |w, n, i| set_once(&mut w.entry, is(n, i)?)),
    row("crate", "crate = my_crate::tiercache", About::Macro, |w, n, i| set_once(&mut w.krate, is(n, i)?)),
];

const fn row(
    name: &'static str,
    example: &'static str,
    about: About,
    read: fn(&mut Words, Ident, ParseStream<'_>) -> Result<(), Fault>,
) -> Row {
    Row { name, example, about, read }
}

/// Where options are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// `#[cached(…)]`
    Function,
    /// `entry! { …; … }`
    Entry,
}

impl Place {
    /// Whether an option can be given here.
    pub(crate) fn allows(self, row: &Row) -> bool {
        self == Self::Function || matches!(row.about, About::Address | About::Macro)
    }
}

/// Reads all options, and goes on after a fault with the next one.
pub(crate) fn read(tokens: TokenStream, place: Place) -> Words {
    let mut words = Words::default();
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if let Err(fault) = read_one(&mut words, input, place) {
                words.faults.push(fault);
                skip_to_comma(input);
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(tokens) {
        // Cannot happen: every branch above eats a token or ends. If it does, the user hears of it all the same.
        words.faults.push(Fault::Malformed(Ident::new("cached", error.span()), None));
    }
    words
}

fn read_one(words: &mut Words, input: ParseStream<'_>, place: Place) -> Result<(), Fault> {
    let Ok(name) = input.call(Ident::parse_any) else {
        return Err(input.parse().map_or_else(|error| malformed(&name_at(&error), input), Fault::Nameless));
    };
    let row = TABLE.iter().find(|row| name == row.name).ok_or_else(|| Fault::Unknown(name.clone()))?;
    if !place.allows(row) {
        return Err(Fault::Misplaced(name));
    }
    words.given.push((name.clone(), row.about));
    (row.read)(words, name.clone(), input)?;
    if input.is_empty() || input.peek(Token![,]) { Ok(()) } else { Err(malformed(&name, input)) }
}

/// The one way an option is kept.
fn set_once<T>(slot: &mut Option<Word<T>>, word: Word<T>) -> Result<(), Fault> {
    if slot.is_some() {
        return Err(Fault::Repeated(word.name));
    }
    *slot = Some(word);
    Ok(())
}

/// `= value`
fn is<T: Parse>(name: Ident, input: ParseStream<'_>) -> Result<Word<T>, Fault> {
    // Read on a fork, so that a value that stops half-way leaves its first token to point at.
    let ahead = input.fork();
    let value = ahead.parse::<Token![=]>().and_then(|_| ahead.parse());
    match value {
        Ok(value) => {
            input.advance_to(&ahead);
            Ok(Word { name, value })
        }
        Err(_) => Err(malformed(&name, input)),
    }
}

/// Nothing but the name.
fn flag(name: Ident, input: ParseStream<'_>) -> Result<Word<()>, Fault> {
    if input.is_empty() || input.peek(Token![,]) { Ok(Word { name, value: () }) } else { Err(malformed(&name, input)) }
}

/// `(name, …)`
fn list(name: Ident, input: ParseStream<'_>) -> Result<Word<Vec<Ident>>, Fault> {
    parenthesized(name, input, Ident::parse_any)
}

/// `(expression, …)`
fn several(name: Ident, input: ParseStream<'_>) -> Result<Word<Vec<Expr>>, Fault> {
    parenthesized(name, input, Expr::parse)
}

fn parenthesized<T>(
    name: Ident,
    input: ParseStream<'_>,
    one: fn(ParseStream<'_>) -> syn::Result<T>,
) -> Result<Word<Vec<T>>, Fault> {
    let ahead = input.fork();
    let read = |input: ParseStream<'_>| {
        let content;
        parenthesized!(content in input);
        let all = content.parse_terminated(one, Token![,])?;
        if all.is_empty() { Err(content.error("empty")) } else { Ok(all.into_iter().collect()) }
    };
    match read(&ahead) {
        Ok(value) => {
            input.advance_to(&ahead);
            Ok(Word { name, value })
        }
        Err(_) => Err(malformed(&name, input)),
    }
}

fn malformed(name: &Ident, input: ParseStream<'_>) -> Fault {
    Fault::Malformed(name.clone(), input.fork().parse().ok())
}

fn name_at(error: &syn::Error) -> Ident {
    Ident::new("cached", error.span())
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) && input.parse::<TokenTree>().is_ok() {}
}

/// Reads `1h30m`, `5m`, `250ms`: numbers with units, the larger unit first.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let mut units = UNITS.iter();
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, next) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let (_, millis) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*millis)?)?;
        rest = next;
    }
    Some(Duration::from_millis(total))
}

/// The known name that is nearest to this one, if one is near.
pub(crate) fn guess<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, nearest) = known.map(|other| (distance(name, other), other)).min()?;
    (distance <= 1 + nearest.len() / 4).then_some(nearest)
}

/// Levenshtein's distance, by rows.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut next = vec![left];
        for ((y, diagonal), above) in b.chars().zip(&row).zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.pop().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use quote::{ToTokens as _, quote};

    use super::*;

    fn faults(tokens: TokenStream, place: Place) -> Vec<String> {
        let name = |fault: &Fault| match fault {
            Fault::Unknown(name) => format!("unknown {name}"),
            Fault::Misplaced(name) => format!("misplaced {name}"),
            Fault::Repeated(name) => format!("repeated {name}"),
            Fault::Malformed(name, at) => {
                format!("malformed {name} at {}", at.as_ref().map(ToString::to_string).unwrap_or_default())
            }
            Fault::Nameless(token) => format!("nameless {token}"),
        };
        read(tokens, place).faults.iter().map(name).collect()
    }

    #[test]
    fn every_option_is_read() {
        let words = read(
            quote!(
                ttl = "5m", l1_ttl = 30, none_ttl = 1, prefix = "user", key = (a, b.0), cache = "prompt", version = 2,
                id = "x", codec = "json", skip(self, db,), cache_if = |u: &Map<A, B>| u.active, at = user_entry(id),
                value = Map<A, B>, tags("user:{id}", user.team), batch(ids, |id| user_entry(*id)), entry = false,
                crate = my::tiercache, stale_if_error = 600, jitter = 0.1, write = "behind",
                stale_while_revalidate = 60,
                refresh_ahead = 0.8, timeout = "2s", soft_timeout = "50ms", detach, ttl_from = |u| u.life,
            ),
            Place::Function,
        );
        assert!(words.faults.is_empty());
        assert_eq!(words.given.len(), TABLE.len());
        assert_eq!(words.skip.map(|word| word.value.len()), Some(2));
        assert_eq!(words.value.map(|word| word.value.to_token_stream().to_string()).as_deref(), Some("Map < A , B >"));
    }

    #[test]
    fn a_fault_does_not_hide_the_next() {
        let tokens = quote!(tll = 3, ttl 300, ttl = 1, ttl = 2, skip, prefix = , "x", skip(), version = 1 2);
        assert_eq!(
            faults(tokens, Place::Function),
            [
                "unknown tll",
                "malformed ttl at 300",
                "repeated ttl",
                "malformed skip at ,",
                "malformed prefix at =",
                "nameless \"x\"",
                "malformed skip at ()",
                "malformed version at 2",
            ]
        );
    }

    #[test]
    fn an_address_takes_no_options_of_functions() {
        let tokens = quote!(ttl = 1, cache_if = f, entry = false, skip(a), crate = x);
        assert_eq!(faults(tokens, Place::Entry), ["misplaced cache_if", "misplaced entry", "misplaced skip"]);
    }

    #[test]
    fn durations_are_numbers_with_falling_units() {
        let millis = |text| duration(text).map(|duration| duration.as_millis());
        assert_eq!(millis("1h30m"), Some(5_400_000));
        assert_eq!(millis("5m"), Some(300_000));
        assert_eq!(millis("250ms"), Some(250));
        assert_eq!(millis("1s500ms"), Some(1_500));
        for bad in ["5", "m", "5d", "30m1h", "5m5m", "1.5h", "-5s", "5 m", "999999999999999999h", "5ṁ"] {
            assert_eq!(millis(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_guess_is_near() {
        let known = || TABLE.iter().map(|row| row.name);
        assert_eq!(guess("tll", known()), Some("ttl"));
        assert_eq!(guess("cacheif", known()), Some("cache_if"));
        assert_eq!(guess("negative", known()), None);
    }
}
