//! The tokens of a model. Nothing here can fail.
//!
//! Locals are hygienic (`mixed_site`), so that no argument can be mistaken for one; items are not, and have names that
//! nobody writes.

mod apart;
pub(crate) mod batch;
pub(crate) mod writes;

use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;
use syn::token::Brace;

use crate::item::{Boxed, Form, Function, span_of};
use crate::model::{Cached, Companion, Place, Policy, Settings, Site, Tag, Types};
use crate::names::Names;
use crate::paths::{self, Paths, door, policy_const, site};

// Input:
//     #[cached(ttl = 300, prefix = "user")]
//     pub async fn get_user(id: u64) -> Result<User, DbError> {
//         query(id).await
//     }
//
// Output:
//     pub async fn get_user(id: u64) -> Result<User, DbError> {
//         use ::tiercache::__private as __tc;
//         const __TC_POLICY: __tc::Policy = __tc::Policy::new().ttl(__tc::secs(300));
//         static __TC: __tc::Site = __tc::Site::new("user", "get_user", __TC_POLICY);
//         let __shape = __tc::Returns::<Result<User, DbError>>::NEW.shape();
//         let __call = match __TC.call(|| {}, &[], __shape).part(&id).look() {
//             __tc::Look::Hit(hit) => return hit,
//             __tc::Look::Miss(call) => call,
//         };
//         let __body = async move {
//             if let ::core::option::Option::Some(ret) = __tc::none(__shape) {
//                 return ret;
//             }
//             query(id).await
//         };
//         __call.load(::core::pin::pin!(__body)).await
//     }
//
//     pub fn get_user_entry(id: u64) -> ::tiercache::Entry<User> { … }
pub(crate) fn cached(model: &Cached) -> TokenStream {
    let Cached { paths, function, output: _, place, keeping: _, running: _, companion: wanted } = model;
    let mut tokens = with_statements(function, |async_span| statements(model, async_span));
    if let (Place::Own(site), Some(wanted)) = (place, wanted) {
        tokens.extend(companion(paths, site, wanted));
    }
    tokens
}

/// The function with these statements, made for the span of its `async`, in the place of its own.
fn with_statements(function: &Function, statements: impl FnOnce(Span) -> TokenStream) -> TokenStream {
    let Function { attrs, vis, sig, args: _, output: _, form, body: _, brace } = function;
    let mut tokens = quote!(#(#attrs)* #vis #sig);
    match form {
        Form::Boxed(Boxed { before, async_token, outer }) => outer.surround(&mut tokens, |inside| {
            let mut block = quote!(#async_token move);
            brace.surround(&mut block, |inside| statements(async_token.span).to_tokens(inside));
            inside.extend(quote!(#before(#block)));
        }),
        Form::Async(async_token) => {
            brace.surround(&mut tokens, |inside| statements(async_token.span).to_tokens(inside));
        }
        // Refused by the check; a function that is not async stays what it is.
        Form::Sync => brace.surround(&mut tokens, |inside| function.body.to_tokens(inside)),
    }
    tokens
}

/// The statements of a cached function.
fn statements(model: &Cached, async_span: Span) -> TokenStream {
    let Cached { paths, function, output, place, keeping, running, companion: _ } = model;
    // A return type that cannot be kept is an error of these statements, and is to be shown once, at the type.
    let span = span_of(output).resolved_at(Span::mixed_site());
    let (door, look) = (door(span), apart::look(running, span));
    let (items, lookup, tags) = match place {
        Place::Own(own) => {
            let (site, types, parts) = (site(span), types(own), parts(own, span));
            let lookup = quote_spanned!(span=> #site.call(|| {}, #types, __shape)#parts.#look());
            (statics(paths, own), lookup, tags(&own.tags, span))
        }
        Place::At(address) => {
            let private = paths.private();
            let at = span_of(address).resolved_at(Span::mixed_site());
            let door = paths::door(at);
            let at = quote_spanned!(at=> #door::at(&#address, __shape));
            let (policy, over) = apart::over(running, span);
            (quote!(use #private as #door; #policy), quote_spanned!(span=> #at #over.#look()), None)
        }
    };
    let shape = shape(output, none_is_kept(place), span);
    let body = apart::body(running, function, span, async_span);
    let load = apart::load(running, keeping, span, async_span);
    quote_spanned! {span=>
        #items
        let __shape = #shape;
        let __call = match #lookup {
            #door::Look::Hit(hit) => return hit,
            #door::Look::Miss(call) => call #tags,
        };
        let __body = #body;
        #load
    }
}

fn none_is_kept(place: &Place) -> bool {
    matches!(place, Place::Own(site) if site.settings.policy.none_ttl.is_some())
}

/// What the function returns, found by type. An error that borrows cannot be shared between calls, which rustc would say too late.
fn shape(output: &Type, none_is_kept: bool, span: Span) -> TokenStream {
    let door = door(span);
    let found = if Names::of(output).borrow() { quote!(unshared) } else { quote!(shape) };
    let with_none = none_is_kept.then(|| quote_spanned!(span=> .with_none()));
    quote_spanned!(span=> #door::Returns::<#output>::NEW.#found()#with_none)
}

/// The user's body. Its return type is given to rustc before it reads the first statement: without that, `?` and
/// `Err(Box::new(e))` could not be inferred.
fn body(function: &Function, span: Span, async_span: Span) -> TokenStream {
    async_block(function, &function.body, span, async_span)
}

/// The same with other statements than the user's.
fn async_block(function: &Function, statements: &TokenStream, span: Span, async_span: Span) -> TokenStream {
    let (door, some) = (door(span), paths::some(span));
    let mut tokens = quote_spanned!(async_span=> async move);
    // The braces stand where the user's do, but are ours: the user's items would follow a statement of ours otherwise.
    let brace = Brace(function.brace.span.join().resolved_at(Span::mixed_site()));
    brace.surround(&mut tokens, |inside| {
        inside.extend(quote_spanned!(span=> if let #some(ret) = #door::none(__shape) { return ret; }));
        statements.to_tokens(inside);
    });
    tokens
}

/// `use`, `const` and `static`: no user type is in any of them.
fn statics(paths: &Paths, own: &Site) -> TokenStream {
    let Site { name, settings: Settings { prefix, id, policy }, types: _, parts: _, tags: _ } = own;
    let call_site = Span::call_site();
    let (door, site, policy_const) = (door(call_site), site(call_site), policy_const());
    let private = paths.private();
    let setters = setters(paths, policy);
    let id = id.iter();
    // A constant of its own keeps the line of the site short; without options there is nothing to keep.
    let (constant, policy) = if setters.is_empty() {
        (None, quote!(#door::Policy::new()))
    } else {
        let constant = quote!(const #policy_const: #door::Policy = #door::Policy::new()#setters;);
        (Some(constant), quote!(#policy_const))
    };
    quote! {
        use #private as #door;
        #constant
        static #site: #door::Site = #door::Site::new(#prefix, #name, #policy)#(.id(#id))*;
    }
}

fn setters(paths: &Paths, policy: &Policy) -> TokenStream {
    let Policy { ttl, l1_ttl, none_ttl, version, cache, codec, stale_if_error, jitter, write, running } = policy;
    let stale_if_error = stale_if_error.iter().copied().map(paths::duration);
    let jitter = jitter.iter().copied().map(Literal::f64_unsuffixed);
    let running = apart::setters(running);
    let (ttl, l1_ttl, none_ttl) = (ttl.iter().copied(), l1_ttl.iter().copied(), none_ttl.iter().copied());
    let (ttl, l1_ttl, none_ttl) =
        (ttl.map(paths::duration), l1_ttl.map(paths::duration), none_ttl.map(paths::duration));
    let version = version.iter().copied().map(Literal::u32_unsuffixed);
    let cache = cache.iter();
    let codec = codec.iter().map(|codec| paths.codec(codec));
    let write = write.iter().map(|mode| paths.write_mode(mode));
    quote! {
        #(.ttl(#ttl))* #(.l1_ttl(#l1_ttl))* #(.none_ttl(#none_ttl))* #(.version(#version))* #(.cache(#cache))*
        #(.codec(#codec))* #(.stale_if_error(#stale_if_error))* #(.jitter(#jitter))*
        #(.write_mode(#write))* #running
    }
}

/// Each part of the key, at the span of its expression: that is where it is an error.
fn parts(own: &Site, span: Span) -> TokenStream {
    let parts = &own.parts;
    quote_spanned!(span=> #(.part(#parts))*)
}

/// The calls that add tags. What cannot be displayed is an error at its expression.
fn tags(tags: &[Tag], span: Span) -> Option<TokenStream> {
    let calls = tags.iter().map(|tag| match tag {
        Tag::Plain(text) => quote_spanned!(span=> .tag(#text)),
        Tag::Format(text) => quote_spanned!(span=> .tag(&::core::format_args!(#text))),
        Tag::Value(value) => quote_spanned!(span=> .tag(#value)),
    });
    (!tags.is_empty()).then(|| calls.collect())
}

/// The names of the types that tell two instantiations apart.
fn types(own: &Site) -> TokenStream {
    let door = door(Span::call_site());
    let Types { params, anonymous } = &own.types;
    let params = match params.as_slice() {
        [] => None,
        [param] => Some(quote!(#param)),
        // One name for all. Of a function, because a parameter may be unsized.
        params => Some(quote!(fn(#(#params),*))),
    };
    let params = params.iter().map(|params| quote!(#door::type_name::<#params>()));
    let anonymous = anonymous.iter().map(|argument| quote!(#door::type_name_of_val(&#argument)));
    let types = params.chain(anonymous);
    quote!(&[#(#types),*])
}

// Output:
//     /// The address of what [`get_user`] keeps …
//     #[allow(dead_code)]
//     pub fn get_user_entry(id: u64) -> ::tiercache::Entry<User> {
//         use ::tiercache::__private as __tc;
//         const __TC_POLICY: …; static __TC: …;
//         let _ = __tc::Returns::<Result<User, DbError>>::NEW.shape().of::<User>();
//         __TC.address(|| {}, &[]).part(&id).entry()
//     }
pub(crate) fn companion(paths: &Paths, own: &Site, companion: &Companion) -> TokenStream {
    let Companion { attrs, vis, name, generics, inputs, value, output, doc } = companion;
    let (params, _, predicates) = generics.split_for_impl();
    // A type that cannot be stored is to be shown at the type.
    let span = span_of(value).resolved_at(Span::mixed_site());
    let site = site(span);
    let (items, types, parts) = (statics(paths, own), types(own), parts(own, span));
    let (entry, doc) = (paths.entry(), doc.iter());
    let check = output.iter().map(|output| {
        let shape = shape(output, false, span);
        quote_spanned!(span=> let _ = #shape.of::<#value>();)
    });
    let tags = tags(&own.tags, span);
    let address = quote_spanned!(span=> #site.address(|| {}, #types)#parts #tags.entry());
    quote! {
        #(#[doc = #doc])*
        #(#attrs)*
        #[allow(dead_code)]
        #vis fn #name #params(#(#inputs),*) -> #entry<#value> #predicates {
            #items
            #(#check)*
            #address
        }
    }
}
