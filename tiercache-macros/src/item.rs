//! The function as the user wrote it. Its body stays tokens: what we do not look at, we cannot spoil.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{
    Attribute, FnArg, GenericArgument, Pat, PathArguments, Receiver, ReturnType, Signature, Token, Type,
    TypeParamBound, Visibility, braced, token,
};

/// A function with a body.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) args: Args,
    /// What awaiting it gives; `None` where nothing is written.
    pub(crate) output: Option<Type>,
    pub(crate) form: Form,
    /// The statements of the user's body.
    pub(crate) body: TokenStream,
    pub(crate) brace: token::Brace,
}

/// How the function is asynchronous.
pub(crate) enum Form {
    /// Not at all.
    Sync,
    /// `async fn`.
    Async(Token![async]),
    /// `fn … -> Pin<Box<dyn Future<…>>> { Box::pin(async move { … }) }`: what `#[async_trait]` makes of one.
    Boxed(Boxed),
}

/// The tokens around the body of a boxed future.
pub(crate) struct Boxed {
    /// What stands before the parentheses: `Box::pin`, after statements that somebody wrote there.
    pub(crate) before: TokenStream,
    pub(crate) async_token: Token![async],
    /// The function's own braces.
    pub(crate) outer: token::Brace,
}

/// The signature of an address: a function without a body.
pub(crate) struct Address {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) args: Args,
    pub(crate) output: Option<Type>,
    /// What comes after the signature.
    pub(crate) options: TokenStream,
}

/// What a function takes.
pub(crate) struct Args {
    pub(crate) receiver: Option<Receiver>,
    pub(crate) named: Vec<Arg>,
    /// Arguments that are taken apart where they stand, or have no name.
    pub(crate) patterns: Vec<Pat>,
}

/// An argument with a name.
pub(crate) struct Arg {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) name: Ident,
    pub(crate) ty: Type,
}

impl Args {
    fn of(sig: &Signature) -> Self {
        let mut args = Self { receiver: None, named: Vec::new(), patterns: Vec::new() };
        for input in &sig.inputs {
            match input {
                FnArg::Receiver(receiver) => args.receiver = Some(receiver.clone()),
                FnArg::Typed(arg) => match &*arg.pat {
                    Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => args.named.push(Arg {
                        attrs: arg.attrs.clone(),
                        name: pat.ident.clone(),
                        ty: (*arg.ty).clone(),
                    }),
                    other => args.patterns.push(other.clone()),
                },
            }
        }
        args
    }

    /// The names that options may use.
    pub(crate) fn names(&self) -> Vec<String> {
        let receiver = self.receiver.as_ref().map(|_| "self".to_owned());
        receiver.into_iter().chain(self.named.iter().map(|arg| arg.name.to_string())).collect()
    }

    /// Whether an argument, or the receiver, has this name.
    pub(crate) fn knows(&self, name: &Ident) -> bool {
        if name == "self" { self.receiver.is_some() } else { self.named.iter().any(|arg| arg.name == *name) }
    }
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig: Signature = input.parse()?;
        let content;
        let brace = braced!(content in input);
        // `#![…]` at the head of a body means the same as `#[…]` on its function, and could not stay behind our code.
        for mut attr in content.call(Attribute::parse_inner)? {
            attr.style = syn::AttrStyle::Outer;
            attrs.push(attr);
        }
        let body: TokenStream = content.parse()?;
        let args = Args::of(&sig);
        let written = written(&sig.output);
        if let Some(async_token) = sig.asyncness {
            return Ok(Self { attrs, vis, sig, args, output: written, form: Form::Async(async_token), body, brace });
        }
        match written.as_ref().and_then(promised).zip(boxed_parser.parse2(body.clone()).ok()) {
            Some((output, (before, async_token, inner, statements))) => {
                let form = Form::Boxed(Boxed { before, async_token, outer: brace });
                Ok(Self { attrs, vis, sig, args, output: Some(output), form, body: statements, brace: inner })
            }
            None => Ok(Self { attrs, vis, sig, args, output: written, form: Form::Sync, body, brace }),
        }
    }
}

impl Parse for Address {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig: Signature = input.parse()?;
        if !input.is_empty() {
            input.parse::<Token![;]>()?;
        }
        let args = Args::of(&sig);
        let output = written(&sig.output);
        Ok(Self { attrs, vis, sig, args, output, options: input.parse()? })
    }
}

/// Whether these tokens are a function that ends without a body, as in a trait.
pub(crate) fn is_declaration(tokens: TokenStream) -> bool {
    let parser = |input: ParseStream<'_>| {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        input.parse::<Signature>()?;
        input.parse::<Token![;]>()
    };
    parser.parse2(tokens).is_ok()
}

/// The span that stands for a type: its first token's (stable rustc cannot join spans).
pub(crate) fn span_of(tokens: &impl quote::ToTokens) -> Span {
    tokens.to_token_stream().into_iter().next().map_or_else(Span::call_site, |token| token.span())
}

fn written(output: &ReturnType) -> Option<Type> {
    match output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some((**ty).clone()),
    }
}

/// The `R` in `Pin<Box<dyn Future<Output = R> + …>>`.
fn promised(ty: &Type) -> Option<Type> {
    let Type::TraitObject(object) = argument(argument(ty, "Pin")?, "Box")? else { return None };
    object.bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let segment = bound.path.segments.last().filter(|segment| segment.ident == "Future")?;
        let PathArguments::AngleBracketed(args) = &segment.arguments else { return None };
        args.args.iter().find_map(|arg| match arg {
            GenericArgument::AssocType(assoc) if assoc.ident == "Output" => Some(assoc.ty.clone()),
            _ => None,
        })
    })
}

/// The first type argument of a path that ends in `name`.
pub(crate) fn argument<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let segment = last_segment(ty).filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(args) = &segment.arguments else { return None };
    args.args.iter().find_map(|arg| match arg {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// The last segment of a path type, through the invisible groups that `macro_rules!` makes.
pub(crate) fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

type BoxedBody = (TokenStream, Token![async], token::Brace, TokenStream);

/// Reads `… pin(async move { … })` and nothing after it.
fn boxed_parser(input: ParseStream<'_>) -> syn::Result<BoxedBody> {
    let mut before = Vec::new();
    while !(input.peek(token::Paren) && matches!(before.last(), Some(TokenTree::Ident(ident)) if *ident == "pin")) {
        before.push(input.parse::<TokenTree>()?);
    }
    let content;
    syn::parenthesized!(content in input);
    let async_token = content.parse()?;
    content.parse::<Token![move]>()?;
    let statements;
    let brace = braced!(statements in content);
    content.parse::<Option<Token![,]>>()?;
    if !content.is_empty() || !input.is_empty() {
        return Err(input.error("not a boxed body"));
    }
    Ok((before.into_iter().collect(), async_token, brace, statements.parse()?))
}
