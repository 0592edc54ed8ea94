//! The tokens of a function that invalidates or updates.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

use super::{body, tags, with_statements};
use crate::item::span_of;
use crate::model::{Invalidates, Plan, Target};
use crate::paths::{self, door};

// Input:
//     #[invalidates(get_user_entry(user.id), |renamed| get_name_entry(&renamed.name), prefix("search"))]
//     async fn rename(user: User) -> Result<User, DbError> {
//         query(user).await
//     }
//
// Output:
//     async fn rename(user: User) -> Result<User, DbError> {
//         use ::tiercache::__private::writes as __tc;
//         let __shape = __tc::Returns::<Result<User, DbError>>::NEW.outcome();
//         let mut __writes = __tc::Invalidation::new(__shape)
//             .entry(&get_user_entry(user.id))
//             .then(|renamed| get_name_entry(&renamed.name))
//             .prefix("search");
//         let __body = async move {
//             if let ::core::option::Option::Some(ret) = __tc::none(__shape) {
//                 return ret;
//             }
//             query(user).await
//         };
//         __writes.guard(::core::pin::pin!(__body)).await
//     }
//
// With `#[updates(get_user_entry(user.id), …)]` the last call that makes `__writes` is `.update(&get_user_entry(user.id))`.
pub(crate) fn invalidates(model: &Invalidates) -> TokenStream {
    with_statements(&model.function, |async_span| statements(model, async_span))
}

fn statements(model: &Invalidates, async_span: Span) -> TokenStream {
    let Invalidates { function, output, plan: Plan { paths, updated, targets, always } } = model;
    let span = span_of(output).resolved_at(Span::mixed_site());
    let (door, private, pin) = (door(span), paths.writes(), paths::pin());
    let targets = targets.iter().map(|target| named(target, span));
    let always = always.then(|| quote_spanned!(span=> .always()));
    // Last, for what it makes is no invalidation any more.
    let updated = updated.iter().map(|entry| quote_spanned!(span=> .update(#entry)));
    let body = body(function, span, async_span);
    let awaiting = async_span.resolved_at(Span::mixed_site());
    let guard = quote_spanned!(awaiting=> __writes.guard(#pin(__body)).await);
    quote_spanned! {span=>
        use #private as #door;
        let __shape = #door::Returns::<#output>::NEW.outcome();
        let mut __writes = #door::Invalidation::new(__shape)#(#targets)*#always #(#updated)*;
        let __body = #body;
        #guard
    }
}

/// The call that adds a target. What is no address is an error at its expression.
fn named(target: &Target, span: Span) -> TokenStream {
    match target {
        Target::Entry(expr) => quote_spanned!(span=> .entry(#expr)),
        Target::Later(closure) => quote_spanned!(span=> .then(#closure)),
        Target::Prefix(prefix) => quote_spanned!(span=> .prefix(#prefix)),
        Target::Tags(own) => tags(own, span).unwrap_or_default(),
        Target::Everything => quote_spanned!(span=> .everything()),
    }
}
