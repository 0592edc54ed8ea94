//! The order of the rooms: a file imports only from a lower rank, and equal ranks do not see each other.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;

use crate::source::{Source, Violation};

/// The rooms of `tiercache/src` and their ranks. A new room gets the lowest rank from which it sees what it needs.
const ROOMS: [(&str, u8); 22] = [
    ("lib", 8),
    ("private", 7),
    ("fuzzing", 7),
    ("warm", 7),
    ("install", 6),
    ("call", 6),
    ("entry", 6),
    ("testing", 6),
    ("cache", 5),
    ("flight", 4),
    ("coherence", 4),
    ("guard", 3),
    ("store", 2),
    ("l1", 2),
    ("codec", 1),
    ("key", 1),
    ("value", 1),
    ("stats", 1),
    ("error", 0),
    ("time", 0),
    ("context", 0),
    ("sync", 0),
];

fn rank(room: &str) -> Option<u8> {
    ROOMS.iter().find(|(name, _)| *name == room).map(|(_, rank)| *rank)
}

pub(crate) fn check(source: &Source) -> Vec<Violation> {
    let path = &source.path;
    let modules = modules(path);
    let room = modules.first().map_or("lib", String::as_str);
    let Some(own) = rank(room) else {
        return vec![Violation::new(
            path,
            1,
            format!("room `{room}` has no rank: add it to ROOMS in tests/house/rooms.rs"),
        )];
    };
    let mut mentions = Vec::new();
    find(source.file.to_token_stream(), modules.len(), &mut mentions);
    let others = mentions.into_iter().filter(|mention| mention.room != room);
    let judged = others.filter_map(|mention| {
        let other = &mention.room;
        let text = match rank(other) {
            Some(rank) if rank < own => return None,
            Some(rank) => {
                format!("`{room}` (rank {own}) imports from `{other}` (rank {rank}); only lower ranks may be seen")
            }
            // lib.rs may name its own items.
            None if room == "lib" => return None,
            None => format!("`crate::{other}` is no room: name the room that it comes from (crate::room::{other})"),
        };
        Some(Violation::new(path, mention.line, text))
    });
    judged.collect()
}

/// The module path of a file: `tiercache/src/cache/read.rs` is `cache::read`, and lib.rs is empty.
fn modules(path: &str) -> Vec<String> {
    let inside = path.split_once("src/").map_or(path, |(_, inside)| inside).trim_end_matches(".rs");
    let mut modules: Vec<String> = inside.split('/').map(ToOwned::to_owned).collect();
    if matches!(modules.last().map(String::as_str), Some("mod" | "lib")) {
        modules.pop();
    }
    modules
}

/// A name at the crate's root that the code uses.
struct Mention {
    room: String,
    line: usize,
}

/// Finds `crate::name` and `super::…::name` that climbs to the root, in imports, paths and the arguments of macros.
fn find(tokens: TokenStream, depth: usize, mentions: &mut Vec<Mention>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| &tokens[at]);
        match token {
            TokenTree::Group(group) => {
                find(group.stream(), depth + usize::from(is_module(&tokens[..at], group)), mentions);
            }
            // `$crate` of an exported macro stands in the user's code.
            TokenTree::Ident(word) if word == "crate" && !is_punct(before, '$') => {
                follow(&tokens[at + 1..], 0, mentions);
            }
            TokenTree::Ident(word) if word == "super" && !is_punct(before, ':') => {
                follow_super(&tokens[at..], depth, mentions);
            }
            _ => {}
        }
    }
}

fn is_module(before: &[TokenTree], group: &Group) -> bool {
    let [.., TokenTree::Ident(keyword), TokenTree::Ident(_)] = before else {
        return false;
    };
    group.delimiter() == Delimiter::Brace && keyword == "mod"
}

/// Follows a path that begins with `super`; `depth` more of them reach the root.
fn follow_super(tokens: &[TokenTree], depth: usize, mentions: &mut Vec<Mention>) {
    if depth > 0 {
        follow(&tokens[1..], depth - 1, mentions);
    }
}

/// Reads what follows a path's beginning: `::`, then a name or a list of names; `depth` levels below the root.
fn follow(tokens: &[TokenTree], depth: usize, mentions: &mut Vec<Mention>) {
    let [first, second, name, rest @ ..] = tokens else {
        return;
    };
    if !is_punct(Some(first), ':') || !is_punct(Some(second), ':') {
        return;
    }
    if let TokenTree::Group(list) = name {
        let names: Vec<TokenTree> = list.stream().into_iter().collect();
        for name in names.split(|token| is_punct(Some(token), ',')) {
            read_name(name, depth, mentions);
        }
    } else {
        let path: Vec<TokenTree> = std::iter::once(name).chain(rest).cloned().collect();
        read_name(&path, depth, mentions);
    }
}

fn read_name(path: &[TokenTree], depth: usize, mentions: &mut Vec<Mention>) {
    match path.first() {
        Some(TokenTree::Ident(word)) if word == "super" => follow_super(path, depth, mentions),
        Some(name) if depth == 0 => {
            mentions.push(Mention { room: name.to_string(), line: name.span().start().line });
        }
        _ => {}
    }
}

fn is_punct(token: Option<&TokenTree>, expected: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == expected)
}

#[cfg(test)]
fn found(path: &str, text: &str) -> Vec<String> {
    check(&Source::parse(path, text).expect("it parses")).iter().map(ToString::to_string).collect()
}

#[test]
fn imports_from_lower_rooms_and_from_the_own_one_pass() {
    let text = "
        use crate::{error::Error, key::Key};
        use super::policy::Policy;
        pub(crate) fn a() -> crate::cache::Cache { super::super::guard::run(format!(\"{}\", crate::time::now())) }
        pub(super) mod inner { use super::super::super::l1::Entry; use super::own; }
        /// [`crate::private`]
        macro_rules! exported { () => { $crate::private::f() } }
        #[cfg(test)] mod tests { use crate::install::scope; }";
    assert_eq!(found("tiercache/src/cache/read.rs", text), Vec::<String>::new());
    assert_eq!(
        found("tiercache/src/lib.rs", "mod a; pub use crate::cache::Cache; use crate::Cache;"),
        Vec::<String>::new()
    );
}

#[test]
fn imports_from_higher_and_equal_rooms_are_found() {
    for import in [
        "use crate::cache::Cache;",
        "use crate::{error::Error, cache::{Cache, Policy}};",
        "fn a() { crate::cache::b() }",
        "fn a() { println!(\"{}\", crate::cache::b()) }",
        "use super::super::cache::Cache;",
        "use super::{super::cache::Cache, b};",
        "mod inner { use super::super::super::cache::Cache; }",
        "pub(in crate::cache) fn a() {}",
    ] {
        let violations = found("tiercache/src/store/redis.rs", &format!("\n{import}"));
        let [violation] = violations.as_slice() else { panic!("{import}: {violations:?}") };
        assert!(violation.contains(".rs:2: `store` (rank 2) imports from `cache` (rank 5)"), "{violation}");
    }
    assert_eq!(found("tiercache/src/store/mod.rs", "use crate::l1::Entry;").len(), 1);
    assert_eq!(found("tiercache/src/error.rs", "use super::time::Moment;").len(), 1);
}

#[test]
fn a_way_round_through_the_root_is_found() {
    for import in ["use crate::Error;", "use crate::*;", "use super::super::Error;"] {
        let violations = found("tiercache/src/cache/read.rs", import);
        assert!(violations.len() == 1 && violations[0].contains("is no room"), "{import}: {violations:?}");
    }
}

#[test]
fn a_room_without_a_rank_is_found() {
    let violations = found("tiercache/src/attic/mod.rs", "");
    assert_eq!(
        violations,
        ["tiercache/src/attic/mod.rs:1: room `attic` has no rank: add it to ROOMS in tests/house/rooms.rs"]
    );
}
