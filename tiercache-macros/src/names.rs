//! Which names occur in tokens. Read from tokens and not from syntax, so that macros (`format!("{id}")`) are seen too.

use proc_macro2::{Delimiter, Ident, Literal, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// The identifiers and lifetimes that occur in some tokens as names of their own: `a` in `a.b`, `T` in `T::Item`.
///
/// Says rather too much than too little: what shadows a name in a closure or a block is not looked at.
#[derive(Default)]
pub(crate) struct Names {
    idents: Vec<String>,
    lifetimes: Vec<String>,
}

impl Names {
    /// The names in these tokens.
    pub(crate) fn of(tokens: &impl ToTokens) -> Self {
        let mut names = Self::default();
        names.read(tokens.to_token_stream(), false);
        names
    }

    /// Adds the names in these tokens.
    pub(crate) fn add(&mut self, tokens: &impl ToTokens) {
        self.read(tokens.to_token_stream(), false);
    }

    /// Whether this identifier occurs.
    pub(crate) fn has(&self, name: &Ident) -> bool {
        self.idents.iter().any(|ident| name == ident)
    }

    /// Whether this keyword occurs.
    pub(crate) fn has_word(&self, word: &str) -> bool {
        self.idents.iter().any(|ident| ident == word)
    }

    /// Whether this lifetime occurs (`a`, without its apostrophe).
    pub(crate) fn has_lifetime(&self, name: &Ident) -> bool {
        self.lifetimes.iter().any(|lifetime| name == lifetime)
    }

    /// Whether anything borrowed is named: a lifetime other than `'static`.
    pub(crate) fn borrow(&self) -> bool {
        self.lifetimes.iter().any(|lifetime| lifetime != "static")
    }

    fn read(&mut self, tokens: TokenStream, in_macro: bool) {
        let mut before = Before::Other;
        for token in tokens {
            let next = before.then(&token);
            match token {
                TokenTree::Group(group) => {
                    let called = before == Before::Bang && group.delimiter() != Delimiter::None;
                    self.read(group.stream(), in_macro || called);
                }
                TokenTree::Ident(ident) => match before {
                    Before::Apostrophe => self.lifetimes.push(ident.to_string()),
                    Before::Dot | Before::Colons => {}
                    Before::Other | Before::Dots | Before::Colon | Before::Bang => self.idents.push(ident.to_string()),
                },
                TokenTree::Literal(literal) if in_macro => self.read_format(&literal),
                TokenTree::Literal(_) | TokenTree::Punct(_) => {}
            }
            before = next;
        }
    }

    /// `{name}` and `{name:?}` in a format string.
    fn read_format(&mut self, literal: &Literal) {
        for piece in literal.to_string().split('{').skip(1) {
            let name: String = piece.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            self.idents.push(name);
        }
    }
}

/// What stands in front of a token.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Apostrophe,
    Bang,
    Colon,
    Colons,
    Dot,
    Dots,
    Other,
}

impl Before {
    fn then(self, token: &TokenTree) -> Self {
        let TokenTree::Punct(punct) = token else { return Self::Other };
        match (punct.as_char(), self) {
            ('\'', _) if punct.spacing() == Spacing::Joint => Self::Apostrophe,
            ('!', _) => Self::Bang,
            (':', Self::Colon) => Self::Colons,
            (':', _) => Self::Colon,
            ('.', Self::Dot | Self::Dots) => Self::Dots,
            ('.', _) => Self::Dot,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;
    use quote::quote;

    use super::*;

    fn names(tokens: &TokenStream, candidates: &[&str]) -> Vec<String> {
        let names = Names::of(tokens);
        let ident = |name: &str| Ident::new(name, Span::call_site());
        candidates.iter().filter(|name| names.has(&ident(name))).map(ToString::to_string).collect()
    }

    #[test]
    fn fields_methods_and_path_tails_are_no_names() {
        assert_eq!(names(&quote!(a.b.c(d).e), &["a", "b", "c", "d", "e"]), ["a", "d"]);
        assert_eq!(names(&quote!(x::y(z)), &["x", "y", "z"]), ["x", "z"]);
        assert_eq!(names(&quote!(a..b), &["a", "b"]), ["a", "b"]);
    }

    #[test]
    fn format_strings_are_read() {
        assert_eq!(names(&quote!(format!("{a}:{b:?}:{}", c)), &["a", "b", "c"]), ["a", "b", "c"]);
        assert!(names(&quote!(f("{a}")), &["a"]).is_empty());
    }

    #[test]
    fn lifetimes_are_names_of_their_own() {
        let names = Names::of(&quote!(&'a Foo<'b>));
        let ident = |name: &str| Ident::new(name, Span::call_site());
        assert!(names.has_lifetime(&ident("a")) && names.has_lifetime(&ident("b")) && !names.has(&ident("a")));
    }
}
