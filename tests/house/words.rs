//! Words that must not appear: unfinished code, skipped tests, somebody's home directory.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;

use crate::source::{Source, Violation};

const MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];
/// Put together here, so that this file does not break its own rule.
const HOMES: [&str; 3] = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// The one file that may look at the wall clock.
const WALL_CLOCK: &str = "tiercache/src/store/embedded/clock.rs";

/// `unwrap`, `todo!` and the like outside tests. Comments and strings may name them.
pub(crate) fn check_unfinished(source: &Source) -> Vec<Violation> {
    let mut violations = Vec::new();
    each(source.file.to_token_stream(), &mut |before, tokens| {
        if let [TokenTree::Ident(word), rest @ ..] = tokens {
            let text = match word.to_string().as_str() {
                "unwrap" => "`unwrap`: use `expect` with the reason why it cannot fail, or return the error".to_owned(),
                // `::core::unimplemented!` is what a macro writes for others, not what somebody left over.
                name if MACROS.contains(&name) && is_punct(rest.first(), '!') && !is_punct(before, ':') => {
                    format!("`{name}!` is left over")
                }
                _ => return,
            };
            violations.push(Violation::new(&source.path, word.span().start().line, text));
        }
    });
    violations
}

/// `#[ignore]`d tests, and examples in the docs that are ignored.
pub(crate) fn check_skipped(path: &str, text: &str) -> Vec<Violation> {
    let tokens: TokenStream = match text.parse() {
        Ok(tokens) => tokens,
        Err(error) => return vec![Violation::new(path, 1, format!("is not Rust: {error}"))],
    };
    let mut violations = Vec::new();
    each(tokens, &mut |_, tokens| {
        if let [TokenTree::Punct(hash), TokenTree::Group(attribute), ..] = tokens
            && hash.as_char() == '#'
            && is_ignore(attribute)
        {
            violations.push(Violation::new(path, hash.span().start().line, "a test is ignored: run it or remove it"));
        }
    });
    violations.extend(ignored_examples(path, text));
    violations
}

fn is_ignore(attribute: &Group) -> bool {
    let words: Vec<String> = attribute.stream().into_iter().map(|token| token.to_string()).collect();
    let first = words.first().map(String::as_str);
    let named = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "ignore");
    let in_cfg_attr = || {
        let inner = attribute.stream().into_iter().filter_map(|token| match token {
            TokenTree::Group(inner) => Some(inner.stream()),
            _ => None,
        });
        inner.flatten().any(|token| named(&token))
    };
    attribute.delimiter() == Delimiter::Bracket
        && (first == Some("ignore") || (first == Some("cfg_attr") && in_cfg_attr()))
}

fn ignored_examples(path: &str, text: &str) -> Vec<Violation> {
    let is_ignored = |line: &str| {
        let fence = line.trim_start().trim_start_matches(['/', '!']).trim_start();
        line.trim_start().starts_with("//") && fence.starts_with("```") && fence.contains("ignore")
    };
    let lines = text.lines().enumerate().filter(|(_, line)| is_ignored(line));
    lines.map(|(at, _)| Violation::new(path, at + 1, "an example is ignored: let it run, or say `text`")).collect()
}

/// Looks at the wall clock, anywhere but where entries have to outlive a restart: one that is set must move nothing else.
pub(crate) fn check_wall_clock(source: &Source) -> Vec<Violation> {
    let mut violations = Vec::new();
    each(source.file.to_token_stream(), &mut |_, tokens| {
        if let [TokenTree::Ident(word), ..] = tokens
            && (word == "SystemTime" || word == "UNIX_EPOCH")
            && source.path != WALL_CLOCK
        {
            let text = format!("`{word}`: the wall clock may be set at any time; use `crate::time`");
            violations.push(Violation::new(&source.path, word.span().start().line, text));
        }
    });
    violations
}

/// Absolute paths into home directories.
pub(crate) fn check_homes(path: &str, text: &str) -> Vec<Violation> {
    let lines = text.lines().enumerate();
    let found = lines.filter_map(|(at, line)| Some((at, HOMES.iter().find(|home| line.contains(**home))?)));
    found.map(|(at, home)| Violation::new(path, at + 1, format!("`{home}`: a path of somebody's machine"))).collect()
}

/// Calls `look` at each position, inside groups too, with the token before it and all from it on.
fn each(tokens: TokenStream, look: &mut dyn FnMut(Option<&TokenTree>, &[TokenTree])) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        look(at.checked_sub(1).map(|at| &tokens[at]), &tokens[at..]);
        if let TokenTree::Group(group) = token {
            each(group.stream(), look);
        }
    }
}

fn is_punct(token: Option<&TokenTree>, expected: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == expected)
}

#[test]
fn unfinished_code_is_found_with_its_line() {
    let text = "fn a() {\n b().unwrap();\n let f = Option::unwrap;\n todo!();\n unimplemented!(\"x\");\n quote! { dbg!(x) };\n}";
    let violations = check_unfinished(&Source::parse("a.rs", text).expect("it parses"));
    assert_eq!(violations.iter().map(|found| found.line).collect::<Vec<_>>(), [2, 3, 4, 5, 6], "{violations:?}");
}

#[test]
fn a_look_at_the_wall_clock_is_found_but_where_it_may_be() {
    let text = "use std::time::{Duration, SystemTime};\nfn now() -> SystemTime { SystemTime::now() } // SystemTime";
    let lines = |path| {
        let violations = check_wall_clock(&Source::parse(path, text).expect("it parses"));
        violations.iter().map(|found| found.line).collect::<Vec<_>>()
    };
    assert_eq!(lines("a.rs"), [1, 2, 2]);
    assert_eq!(lines(WALL_CLOCK), Vec::<usize>::new());
}

#[test]
fn comments_strings_tests_and_longer_names_may_say_unwrap() {
    let text = "
        /// Never call `unwrap()` or `todo!()`.
        fn a() { b(\"unwrap()\").unwrap_or_default(); } // dbg!(x)
        fn written() { quote! { ::core::unimplemented!() } }
        #[cfg(test)] mod tests { fn c() { d().unwrap(); } }";
    assert_eq!(check_unfinished(&Source::parse("a.rs", text).expect("it parses")), []);
}

#[test]
fn skipped_tests_and_examples_are_found() {
    let text = "\n#[test]\n#[ignore = \"slow\"]\nfn a() {}\n#[cfg_attr(windows, ignore)] fn b() {}\n/// ```rust,ignore\n/// ```\n";
    let lines: Vec<usize> = check_skipped("a.rs", text).iter().map(|found| found.line).collect();
    assert_eq!(lines, [3, 5, 6]);
    assert_eq!(check_skipped("a.rs", "#[test] fn ignore() { v[ignore] } // #[ignore]\n/// ```\n"), []);
}

#[test]
fn home_directories_are_found() {
    for home in HOMES {
        let violations = check_homes("a.md", &format!("fine\nsee {home}me/notes"));
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].line, 2);
    }
    assert_eq!(check_homes("a.md", "the root/ and the home/ of /usr/bin"), []);
}
