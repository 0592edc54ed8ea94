//! A body that has another name for `self`, as `#[async_trait]` makes one.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::Parser;
use syn::visit_mut::{self, VisitMut};
use syn::{Block, ExprPath, Item, Macro};

/// The name.
pub(crate) fn name() -> Ident {
    Ident::new("__self", Span::mixed_site())
}

/// These statements with `to` in the place of `self`. What is no list of statements is left as it is: it is rustc's to refuse.
pub(crate) fn renamed(statements: TokenStream, to: &Ident) -> TokenStream {
    let Ok(mut parsed) = Block::parse_within.parse2(statements.clone()) else { return statements };
    let mut rename = Rename(to);
    for statement in &mut parsed {
        rename.visit_stmt_mut(statement);
    }
    parsed.iter().map(ToTokens::to_token_stream).collect()
}

struct Rename<'a>(&'a Ident);

impl Rename<'_> {
    /// The name at the place of a `self`.
    fn at(&self, span: Span) -> Ident {
        let mut name = self.0.clone();
        name.set_span(span.resolved_at(self.0.span()));
        name
    }

    fn tokens(&self, tokens: TokenStream) -> TokenStream {
        let token = |token| match token {
            TokenTree::Ident(ident) if ident == "self" => TokenTree::Ident(self.at(ident.span())),
            TokenTree::Group(group) => {
                let mut renamed = Group::new(group.delimiter(), self.tokens(group.stream()));
                renamed.set_span(group.span());
                TokenTree::Group(renamed)
            }
            other => other,
        };
        tokens.into_iter().map(token).collect()
    }
}

impl VisitMut for Rename<'_> {
    fn visit_expr_path_mut(&mut self, path: &mut ExprPath) {
        if let Some(ident) = path.path.get_ident().filter(|ident| *ident == "self") {
            path.path = self.at(ident.span()).into();
        }
        visit_mut::visit_expr_path_mut(self, path);
    }

    // An item has a `self` of its own, or none.
    fn visit_item_mut(&mut self, _: &mut Item) {}

    fn visit_macro_mut(&mut self, called: &mut Macro) {
        // What declares a function in a macro means that function's `self`.
        if !declares_function(called.tokens.clone()) {
            called.tokens = self.tokens(core::mem::take(&mut called.tokens));
        }
    }
}

fn declares_function(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "fn",
        TokenTree::Group(group) => declares_function(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn self_is_renamed_where_it_is_the_receiver() {
        let body = quote! {
            use self::inner::{self, of};
            impl Other { fn get(&self) -> u8 { self.0 } }
            let all = format!("{}", self.name);
            self.run(self.id, [self], self::free(&all)).await
        };
        let expected = quote! {
            use self::inner::{self, of};
            impl Other { fn get(&self) -> u8 { self.0 } }
            let all = format!("{}", __self.name);
            __self.run(__self.id, [__self], self::free(&all)).await
        };
        assert_eq!(renamed(body, &name()).to_string(), expected.to_string());
    }
}
