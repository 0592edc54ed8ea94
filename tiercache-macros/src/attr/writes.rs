//! What a function invalidates, read: words of ours, and expressions of the user.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::discouraged::Speculative as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Expr, Path, Token, parenthesized, token};

use super::{Word, several, skip_to_comma};

/// One argument of the attribute.
pub(crate) enum Target {
    /// An expression: an address, or a closure that gives one.
    Expression(Expr),
    /// `prefix(…)`
    Prefix(Word<Expr>),
    /// `tags(…)`
    Tags(Word<Vec<Expr>>),
    /// A name alone: a word of ours, an argument that is an address, or neither.
    Name(Ident),
    /// `crate = …`
    Crate(Word<Path>),
    /// A word that is none of ours: `ttl = …`.
    Unknown(Ident),
    /// `prefix` and something else than one expression in parentheses, `tags` and none, or `crate` and no path.
    Malformed(Ident),
    /// No expression; with the token where reading stopped.
    Unreadable(Option<TokenTree>),
}

/// Reads all of them, and goes on after a fault with the next one.
pub(crate) fn read(tokens: TokenStream) -> Vec<Target> {
    let mut targets = Vec::new();
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            targets.push(read_one(input));
            // What stands between here and the comma is part of a fault.
            skip_to_comma(input);
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(())
    };
    if parser.parse2(tokens).is_err() {
        // Cannot happen: each round ends at a comma or at the end.
        targets.push(Target::Unreadable(None));
    }
    targets
}

fn read_one(input: ParseStream<'_>) -> Target {
    let ahead = input.fork();
    if let Ok(name) = ahead.call(Ident::parse_any) {
        if ahead.is_empty() || ahead.peek(Token![,]) {
            input.advance_to(&ahead);
            return Target::Name(name);
        }
        if ahead.peek(Token![=]) && !ahead.peek(Token![==]) {
            input.advance_to(&ahead);
            return if name == "crate" { root(name, input) } else { Target::Unknown(name) };
        }
        if ahead.peek(token::Paren) && name == "tags" {
            input.advance_to(&ahead);
            return tags(name, input);
        }
        if ahead.peek(token::Paren) && name == "prefix" {
            input.advance_to(&ahead);
            return prefix(name, input);
        }
    }
    expression(input)
}

fn root(name: Ident, input: ParseStream<'_>) -> Target {
    match input.parse::<Token![=]>().and_then(|_| input.parse()) {
        Ok(value) if ends(input) => Target::Crate(Word { name, value }),
        _ => Target::Malformed(name),
    }
}

fn prefix(name: Ident, input: ParseStream<'_>) -> Target {
    fn inside(input: ParseStream<'_>) -> syn::Result<Expr> {
        let content;
        parenthesized!(content in input);
        let value = content.parse()?;
        if content.is_empty() { Ok(value) } else { Err(content.error("more than one")) }
    }
    // On a fork: what is left in the parentheses of a fault would be an error of its own.
    let ahead = input.fork();
    match inside(&ahead) {
        Ok(value) if ends(&ahead) => {
            input.advance_to(&ahead);
            Target::Prefix(Word { name, value })
        }
        _ => Target::Malformed(name),
    }
}

fn tags(name: Ident, input: ParseStream<'_>) -> Target {
    match several(name.clone(), input) {
        Ok(word) if ends(input) => Target::Tags(word),
        _ => Target::Malformed(name),
    }
}

fn expression(input: ParseStream<'_>) -> Target {
    // Read on a fork, so that an expression that stops half-way leaves its first token to point at.
    let ahead = input.fork();
    match ahead.parse() {
        Ok(expr) if ends(&ahead) => {
            input.advance_to(&ahead);
            Target::Expression(expr)
        }
        Ok(_) => Target::Unreadable(ahead.parse().ok()),
        Err(_) => Target::Unreadable(input.parse().ok()),
    }
}

fn ends(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

#[cfg(test)]
mod tests {
    use quote::{ToTokens as _, quote};

    use super::*;

    fn names(tokens: TokenStream) -> Vec<String> {
        let name = |target: &Target| match target {
            Target::Expression(expr) => format!("expression {}", expr.to_token_stream()),
            Target::Prefix(word) => format!("prefix {}", word.value.to_token_stream()),
            Target::Tags(word) => format!("{} tags", word.value.len()),
            Target::Name(name) => format!("name {name}"),
            Target::Crate(word) => format!("crate {}", word.value.to_token_stream()),
            Target::Unknown(name) => format!("unknown {name}"),
            Target::Malformed(name) => format!("malformed {name}"),
            Target::Unreadable(token) => format!("unreadable {}", token.to_token_stream()),
        };
        read(tokens).iter().map(name).collect()
    }

    #[test]
    fn words_and_expressions_are_told_apart() {
        assert_eq!(
            names(quote!(
                a(x, y),
                |v| b(v.x, 1),
                prefix("p"),
                tags("a", b.c),
                everything,
                always,
                self::prefix(x),
                [a(1), a(2)],
                crate = my::root,
            )),
            [
                "expression a (x , y)",
                "expression | v | b (v . x , 1)",
                "prefix \"p\"",
                "2 tags",
                "name everything",
                "name always",
                "expression self :: prefix (x)",
                "expression [a (1) , a (2)]",
                "crate my :: root",
            ]
        );
    }

    #[test]
    fn a_fault_does_not_hide_the_next() {
        assert_eq!(
            names(quote!(tags(), ttl = 3, prefix(), prefix("a", "b"), crate = 1, a b, +, always)),
            [
                "malformed tags",
                "unknown ttl",
                "malformed prefix",
                "malformed prefix",
                "malformed crate",
                "unreadable b",
                "unreadable +",
                "name always",
            ]
        );
    }
}
