//! From what the user wrote to the model: which arguments make the key, and which generics tell two functions apart.

pub(crate) mod batch;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt as _;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Expr, ExprPath, ExprReference, Generics, Meta, MetaList, Path, Receiver, Token, Type, TypeTuple, token,
};

use crate::generics;
use crate::item::{Address, Arg, Args, Function, span_of};
use crate::model::{
    Cached, Companion, CompanionWish, Home, Invalidates, Key, Own, Place, Plan, Settings, Site, Tag, Target, Types,
    Wishes, stored,
};
use crate::names::Names;

/// The model of a function.
pub(crate) fn cached(function: Function, output: Type, wishes: Wishes) -> Cached {
    let Wishes { paths, home, keeping, running } = wishes;
    let (place, companion) = match home {
        Home::At(address) => (Place::At(address), None),
        Home::Own(own) => {
            let Own { mut settings, key, tags, companion } = *own;
            settings.policy.running = running.clone();
            let choice = Choice::new(&key, &function.args, &function.sig.generics, &output);
            let companion = companion.map(|wish| choice.companion(&function, &output, wish));
            (Place::Own(choice.site(&function.sig.ident, settings, tags)), companion)
        }
    };
    Cached { paths, function, output, place, keeping, running, companion }
}

/// The model of a function that invalidates. Its addresses are taken by reference: the body may want them too.
pub(crate) fn invalidates(function: Function, mut plan: Plan) -> Invalidates {
    for target in &mut plan.targets {
        match target {
            Target::Entry(expr) => *expr = Expr::Reference(reference(expr.clone())),
            Target::Tags(tags) => tags.iter_mut().for_each(by_reference),
            Target::Prefix(_) | Target::Everything | Target::Later(_) => {}
        }
    }
    plan.updated = plan.updated.map(|expr| Expr::Reference(reference(expr)));
    let nothing = || {
        let paren_token = token::Paren { span: function.brace.span };
        Type::Tuple(TypeTuple { attrs: Vec::new(), paren_token, elems: Punctuated::new() })
    };
    let output = function.output.clone().unwrap_or_else(nothing);
    Invalidates { function, output, plan }
}

/// The model of an address: a companion without a function.
pub(crate) fn declared(
    address: Address,
    value: Type,
    settings: Settings,
    key: &Key,
    tags: Vec<Tag>,
) -> (Site, Companion) {
    let Address { attrs, vis, sig, args, output: _, options: _ } = address;
    let choice = Choice::new(key, &args, &sig.generics, &value);
    let inputs = choice.inputs();
    let site = choice.site(&sig.ident, settings, tags);
    let companion =
        Companion { attrs, vis, name: sig.ident, generics: sig.generics, inputs, value, output: None, doc: None };
    (site, companion)
}

/// What is in the key, and what that drags along.
struct Choice<'a> {
    generics: &'a Generics,
    /// Where the key uses `self`.
    receiver: Option<&'a Receiver>,
    args: Vec<&'a Arg>,
    /// The type and const parameters that tell two instantiations apart.
    types: Vec<&'a Ident>,
    consts: Vec<&'a Ident>,
    parts: Vec<ExprReference>,
}

impl<'a> Choice<'a> {
    fn new(key: &Key, args: &'a Args, generics: &'a Generics, output: &Type) -> Self {
        let (mut counted, used, parts) = match key {
            Key::Arguments { skip } => by_arguments(skip, args),
            Key::Expressions(expressions) => by_expressions(expressions, args),
        };
        let receiver = args.receiver.as_ref().filter(|_| counted.has_word("self"));
        let (inside, outside): (Vec<_>, Vec<_>) =
            args.named.iter().partition(|arg| used.iter().any(|other| other.name == arg.name));
        for arg in inside {
            counted.add(&arg.ty);
        }
        counted.add(output);
        let mut uncounted = Names::default();
        for arg in outside {
            uncounted.add(&arg.ty);
        }
        // What only a skipped argument mentions does not choose the answer. What no argument mentions, the body does.
        let counts = |param: &&Ident| counted.has(param) || !uncounted.has(param);
        let types = generics.type_params().map(|param| &param.ident).filter(counts).collect();
        let consts = generics.const_params().map(|param| &param.ident).filter(counts).collect();
        Self { generics, receiver, args: used, types, consts, parts }
    }

    fn site(&self, name: &Ident, settings: Settings, mut tags: Vec<Tag>) -> Site {
        tags.iter_mut().for_each(by_reference);
        let params = self.types.iter().copied().cloned().collect();
        let anonymous = self.args.iter().filter(|arg| Names::of(&arg.ty).has_word("impl"));
        let types = Types { params, anonymous: anonymous.map(|arg| arg.name.clone()).collect() };
        let consts = self.consts.iter().map(|param| reference(variable(param)));
        let parts = consts.chain(self.parts.iter().cloned()).collect();
        Site { name: name.unraw().to_string(), settings, types, parts, tags }
    }

    fn companion(&self, function: &Function, output: &Type, wish: CompanionWish) -> Companion {
        let CompanionWish { name, value } = wish;
        let inputs = self.inputs();
        let value = value.unwrap_or_else(|| stored(output).clone());
        let params: Vec<&Ident> = self.types.iter().chain(&self.consts).copied().collect();
        Companion {
            attrs: function.attrs.iter().filter_map(inherited).collect(),
            vis: function.vis.clone(),
            name: name.unwrap_or_else(|| format_ident!("{}_entry", function.sig.ident)),
            generics: generics::restricted(self.generics, &params, &quote!(#(#inputs)* #value #output)),
            doc: Some(doc(function, &quote!(#(#inputs)* #output))),
            inputs,
            value,
            output: Some(output.clone()),
        }
    }

    fn inputs(&self) -> Vec<TokenStream> {
        let receiver = self
            .receiver
            .map(|receiver| Receiver { attrs: Vec::new(), mutability: None, ..receiver.clone() }.into_token_stream());
        let args = self.args.iter().map(|Arg { attrs: _, name, ty }| quote!(#name: #ty));
        receiver.into_iter().chain(args).collect()
    }
}

fn by_arguments<'a>(skip: &[Ident], args: &'a Args) -> (Names, Vec<&'a Arg>, Vec<ExprReference>) {
    let used: Vec<&Arg> = args.named.iter().filter(|arg| !skip.contains(&arg.name)).collect();
    let parts = used.iter().map(|arg| reference(variable(&arg.name))).collect();
    (Names::default(), used, parts)
}

fn by_expressions<'a>(expressions: &[Expr], args: &'a Args) -> (Names, Vec<&'a Arg>, Vec<ExprReference>) {
    let mut names = Names::default();
    for expression in expressions {
        names.add(expression);
    }
    let used = args.named.iter().filter(|arg| names.has(&arg.name)).collect();
    (names, used, expressions.iter().cloned().map(reference).collect())
}

fn variable(name: &Ident) -> Expr {
    Expr::Path(ExprPath { attrs: Vec::new(), qself: None, path: Path::from(name.clone()) })
}

/// A tag takes nothing from its argument.
fn by_reference(tag: &mut Tag) {
    if let Tag::Value(expr) = tag {
        *expr = Expr::Reference(reference(expr.clone()));
    }
}

/// `&expr`, whose span is the expression's: it is the user's to hear of, when it is no key.
fn reference(expr: Expr) -> ExprReference {
    let and_token = Token![&](span_of(&expr));
    ExprReference { attrs: Vec::new(), and_token, mutability: None, expr: Box::new(expr) }
}

/// The attributes of a function that are true of its companion as well.
fn inherited(attr: &Attribute) -> Option<Attribute> {
    let inherits = |path: &Path| ["cfg", "deprecated"].iter().any(|name| path.is_ident(name));
    let is_hidden = |meta: &Meta| match meta {
        Meta::List(list) => list.path.is_ident("doc") && list.tokens.to_string().contains("hidden"),
        Meta::Path(_) | Meta::NameValue(_) => false,
    };
    if inherits(attr.path()) || is_hidden(&attr.meta) {
        return Some(attr.clone());
    }
    // Of `cfg_attr(condition, a, b)`, what would be inherited by itself.
    let list = attr.meta.require_list().ok().filter(|list| list.path.is_ident("cfg_attr"))?;
    let metas = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
    let (condition, rest) = (metas.first()?, metas.iter().skip(1));
    let kept: Vec<&Meta> = rest.filter(|meta| inherits(meta.path()) || is_hidden(meta)).collect();
    if kept.is_empty() {
        return None;
    }
    let tokens = quote!(#condition, #(#kept),*);
    Some(Attribute { meta: Meta::List(MetaList { tokens, ..list.clone() }), ..attr.clone() })
}

fn doc(function: &Function, signature: &TokenStream) -> String {
    let name = function.sig.ident.to_string();
    let in_impl = function.args.receiver.is_some() || Names::of(signature).has_word("Self");
    let link = if in_impl { format!("[`{name}`](Self::{name})") } else { format!("[`{name}`]") };
    format!("The address of what {link} keeps for these arguments: look at it, replace it, invalidate it.")
}
