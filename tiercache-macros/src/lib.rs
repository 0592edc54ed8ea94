//! The attributes of tiercache.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable, clippy::unwrap_used)
)]

mod attr;
mod check;
mod decide;
mod diag;
mod expand;
mod fallback;
mod generics;
mod item;
mod model;
mod names;
mod paths;
#[cfg(test)]
mod snapshots;

use proc_macro::TokenStream;

/// Caches.
#[proc_macro_attribute]
pub fn cached(options: TokenStream, item: TokenStream) -> TokenStream {
    expand_cached(options.into(), &item.into()).into()
}

/// Declares.
#[proc_macro]
pub fn entry(input: TokenStream) -> TokenStream {
    expand_entry(input.into()).into()
}

fn expand_cached(options: proc_macro2::TokenStream, item: &proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let Ok(function) = syn::parse2::<item::Function>(item.clone()) else {
        return fallback::cached(item, &check::no_function(item));
    };
    match check::cached(&function, attr::read(options, attr::Place::Function)) {
        Ok((output, wishes)) => expand::cached(&decide::cached(function, output, wishes)),
        Err(errors) => fallback::cached(item, &errors),
    }
}

fn expand_entry(input: proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let address = match syn::parse2::<item::Address>(input) {
        Ok(address) => address,
        Err(error) => return check::no_address(&error).to_compile_error(),
    };
    match check::declared(&address, attr::read(address.options.clone(), attr::Place::Entry)) {
        Ok((value, paths, settings, key)) => {
            let (site, companion) = decide::declared(address, value, settings, &key);
            expand::companion(&paths, &site, &companion)
        }
        Err(errors) => fallback::declared(&address, &paths::Paths::new(None), &errors),
    }
}
