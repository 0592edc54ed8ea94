//! The tokens of a function whose body has a time limit, or can outlive its caller.

use core::time::Duration;

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Expr, Receiver, ReceiverKind, Type};

use super::async_block;
use crate::item::{Arg, Function, span_of};
use crate::model::{Ahead, Keeping, Running};
use crate::names::Names;
use crate::paths::{self, door, policy_const};
use crate::receiver;

/// The method that looks in L1.
pub(super) fn look(running: &Running, span: Span) -> Ident {
    Ident::new(if running.is_apart() { "look_ahead" } else { "look" }, span)
}

/// What a function says of its calls at an address: a policy, and the call that lays it over the address's.
pub(super) fn over(running: &Running, span: Span) -> (TokenStream, TokenStream) {
    if running.is_plain() {
        return (TokenStream::new(), TokenStream::new());
    }
    let (door, policy, setters) = (door(Span::call_site()), policy_const(), setters(running));
    let over = quote_spanned!(span=> .over(&#policy));
    (quote!(static #policy: #door::Policy = #door::Policy::new()#setters;), over)
}

pub(super) fn setters(running: &Running) -> TokenStream {
    let Running { stale_while_revalidate, refresh_ahead, timeout, soft_timeout, detach } = running;
    let duration = |time: &Option<Duration>| time.map(paths::duration).into_iter();
    let (window, timeout, soft) = (duration(stale_while_revalidate), duration(timeout), duration(soft_timeout));
    let ahead = refresh_ahead.iter().map(|ahead| match ahead {
        Ahead::Share(share) => {
            let share = Literal::f64_unsuffixed(*share);
            quote!(.refresh_ahead(#share))
        }
        Ahead::Auto => quote!(.refresh_ahead_auto()),
    });
    let detach = detach.then(|| quote!(.detach()));
    quote! {
        #(.stale_while_revalidate(#window))* #(#ahead)* #(.timeout(#timeout))* #(.soft_timeout(#soft))* #detach
    }
}

// Output, where the body can outlive its caller:
//         let __body = {
//             let __own_name = __tc::own(name);
//             __tc::given(&id);
//             async move {
//                 if let ::core::option::Option::Some(ret) = __tc::none(__shape) {
//                     return ret;
//                 }
//                 let name = __own_name.lend();
//                 query(id, name).await
//             }
//         };
pub(super) fn body(running: &Running, function: &Function, span: Span, async_span: Span) -> TokenStream {
    if !running.is_apart() {
        return super::body(function, span, async_span);
    }
    let names = Names::of(&function.body);
    let mut statements = function.body.clone();
    let (mut outside, mut inside) = (TokenStream::new(), TokenStream::new());
    if let Some(this) = function.args.receiver.as_ref().filter(|_| names.has_word("self")) {
        let (token, lent) = (this.self_token, receiver::name());
        if is_borrowed(this) {
            lend(&token, &lent, &mut outside, &mut inside);
            statements = receiver::renamed(statements, &lent);
        } else {
            give(&token, &mut outside);
        }
    }
    for Arg { attrs: _, name, ty } in function.args.named.iter().filter(|arg| names.has(&arg.name)) {
        if is_reference(ty) { lend(name, name, &mut outside, &mut inside) } else { give(name, &mut outside) }
    }
    let block = async_block(function, &quote!(#inside #statements), span, async_span);
    quote_spanned!(span=> { #outside #block })
}

/// Owns what a borrowed argument refers to, and lends it to the body as `to`. What cannot be owned is an error at the argument.
fn lend(argument: &impl ToTokens, to: &Ident, outside: &mut TokenStream, inside: &mut TokenStream) {
    let span = span_of(argument).resolved_at(Span::mixed_site());
    let (door, own) = (door(span), format_ident!("__own_{}", to, span = span));
    outside.extend(quote_spanned!(span=> let #own = #door::own(#argument);));
    inside.extend(quote_spanned!(span=> let #to = #own.lend();));
}

/// Asks that the body can take an argument with it.
fn give(argument: &impl ToTokens, outside: &mut TokenStream) {
    let span = span_of(argument).resolved_at(Span::mixed_site());
    let door = door(span);
    outside.extend(quote_spanned!(span=> #door::given(&#argument);));
}

fn is_borrowed(receiver: &Receiver) -> bool {
    match &receiver.kind {
        ReceiverKind::Reference(..) => true,
        ReceiverKind::Typed(_, ty) => is_reference(ty),
        _ => false,
    }
}

fn is_reference(ty: &Type) -> bool {
    match ty {
        Type::Reference(_) => true,
        Type::Group(group) => is_reference(&group.elem),
        Type::Paren(paren) => is_reference(&paren.elem),
        _ => false,
    }
}

/// The call that answers what L1 could not. `span` is that of the return type: there an error is one that it cannot have.
pub(super) fn load(running: &Running, keeping: &Keeping, span: Span, async_span: Span) -> TokenStream {
    let Keeping { cache_if, ttl_from } = keeping;
    let awaiting = async_span.resolved_at(Span::mixed_site());
    let pin = paths::pin();
    if running.is_plain() && ttl_from.is_none() {
        return match cache_if {
            None => quote_spanned!(awaiting=> __call.load(#pin(__body)).await),
            Some(keep) => quote_spanned!(awaiting=> __call.load_if(#pin(__body), #keep).await),
        };
    }
    let keep = keep(cache_if.as_ref(), ttl_from.as_ref(), awaiting);
    let (door, boxed) = (door(span), paths::boxed());
    let late = running.timeout.map(|_| quote_spanned!(span=> #door::late(__shape)));
    match (running.is_apart(), late) {
        (true, None) => quote_spanned!(awaiting=> __call.load_owned(#boxed(__body), #keep).await),
        (true, Some(late)) => {
            quote_spanned!(awaiting=> __call.load_owned_within(#boxed(__body), #keep, #late).await)
        }
        (false, None) => quote_spanned!(awaiting=> __call.load_with(#pin(__body), #keep).await),
        (false, Some(late)) => quote_spanned!(awaiting=> __call.load_within(#pin(__body), #keep, #late).await),
    }
}

fn keep(cache_if: Option<&Expr>, ttl_from: Option<&Expr>, span: Span) -> TokenStream {
    let door = door(span);
    let keep = cache_if.map(|keep| quote_spanned!(span=> #door::keep_if(__shape, #keep)));
    let life = ttl_from.map(|life| quote_spanned!(span=> #door::ttl_from(__shape, #life)));
    match (keep, life) {
        (None, None) => quote_spanned!(span=> #door::always(__shape)),
        (Some(one), None) | (None, Some(one)) => one,
        (Some(keep), Some(life)) => quote_spanned!(span=> #door::both(__shape, #keep, #life)),
    }
}
