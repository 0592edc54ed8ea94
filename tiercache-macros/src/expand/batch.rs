//! The tokens of a batch.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::token::Brace;

use super::with_statements;
use crate::item::span_of;
use crate::model::batch::{Again, Batch, Each, Ids, Plan};
use crate::paths::{self, door};

// Input:
//     #[cached(batch(ids, get_user_entry))]
//     async fn get_users(db: &Db, ids: &[u64]) -> Result<HashMap<u64, User>, DbError> {
//         db.query(ids).await
//     }
//
// Output:
//     async fn get_users(db: &Db, ids: &[u64]) -> Result<HashMap<u64, User>, DbError> {
//         use ::tiercache::__private::batch as __tc;
//         let __batch = __tc::Batch::<Result<HashMap<u64, User>, DbError>>::of(&ids).at(get_user_entry);
//         __batch.load(move |__ids| {
//             let db = __tc::again(&db);
//             async move {
//                 if let ::core::option::Option::Some(ret) = __tc::none::<Result<HashMap<u64, User>, DbError>>() {
//                     return ret;
//                 }
//                 let ids: &[u64] = &__ids;
//                 db.query(ids).await
//             }
//         }).await
//     }
pub(crate) fn batch(model: &Batch) -> TokenStream {
    with_statements(&model.function, |async_span| statements(model, async_span))
}

fn statements(model: &Batch, async_span: Span) -> TokenStream {
    let Batch { function: _, plan: Plan { paths, output, name, ids: _, each }, mutability: _, again } = model;
    let span = span_of(output).resolved_at(Span::mixed_site());
    let (door, private) = (door(span), paths.batch());
    let at = match each {
        Each::Function(entry) => quote_spanned!(span=> .at(#entry)),
        Each::Closure(entry) => quote_spanned!(span=> .at_each(#entry)),
    };
    let again = again.iter().map(|Again { attrs, mutability, name }| {
        // An argument that cannot be given again is shown where it is named.
        let here = name.span().resolved_at(Span::mixed_site());
        let door = paths::door(here);
        quote_spanned!(here=> #(#attrs)* let #mutability #name = #door::again(&#name);)
    });
    let body = body(model, span, async_span);
    let awaiting = async_span.resolved_at(Span::mixed_site());
    let load = quote_spanned! {awaiting=>
        __batch.load(move |__ids| {
            #(#again)*
            #body
        }).await
    };
    quote_spanned! {span=>
        use #private as #door;
        let __batch = #door::Batch::<#output>::of(&#name)#at;
        #load
    }
}

/// The user's body, once; its return type and its elements are given to rustc before it reads the first statement.
fn body(model: &Batch, span: Span, async_span: Span) -> TokenStream {
    let Batch { function, plan: Plan { paths: _, output, name, ids, each: _ }, mutability, again: _ } = model;
    let (door, some) = (door(span), paths::some(span));
    let mut tokens = quote_spanned!(async_span=> async move);
    let brace = Brace(function.brace.span.join().resolved_at(Span::mixed_site()));
    brace.surround(&mut tokens, |inside| {
        inside.extend(quote_spanned!(span=> if let #some(ret) = #door::none::<#output>() { return ret; }));
        inside.extend(match ids {
            Ids::Slice(id) => quote_spanned!(span=> let #mutability #name: &[#id] = &__ids;),
            Ids::List(list) => quote_spanned!(span=> let #mutability #name: #list = __ids;),
        });
        function.body.to_tokens(inside);
    });
    tokens
}
