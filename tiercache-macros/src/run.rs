//! The phases in their order: read, judge, decide, write; or fall back.

use proc_macro2::TokenStream;

use crate::attr::{self, Place, Words};
use crate::diag::writes::Writer;
use crate::item::{Address, Function};
use crate::paths::Paths;
use crate::{check, decide, expand, fallback};

/// `#[cached(options)] item`
pub(crate) fn cached(options: TokenStream, item: &TokenStream) -> TokenStream {
    let Ok(function) = syn::parse2::<Function>(item.clone()) else {
        return fallback::cached(item, &check::no_function(item));
    };
    let words = attr::read(options, Place::Function);
    if words.batch.is_some() {
        return batch(function, words, item);
    }
    match check::cached(&function, words) {
        Ok((output, wishes)) => expand::cached(&decide::cached(function, output, wishes)),
        Err(errors) => fallback::cached(item, &errors),
    }
}

/// `#[cached(batch(ids, entry))] item`
fn batch(function: Function, words: Words, item: &TokenStream) -> TokenStream {
    match check::batch::batch(&function, words) {
        Ok(plan) => expand::batch::batch(&decide::batch::batch(function, plan)),
        Err(errors) => fallback::cached(item, &errors),
    }
}

/// `#[invalidates(targets)] item`
pub(crate) fn invalidates(targets: TokenStream, item: &TokenStream) -> TokenStream {
    let Ok(function) = syn::parse2::<Function>(item.clone()) else {
        return fallback::cached(item, &check::writes::no_function(Writer::Invalidates, item));
    };
    match check::writes::invalidates(&function, attr::writes::read(targets)) {
        Ok(plan) => expand::writes::invalidates(&decide::invalidates(function, plan)),
        Err(errors) => fallback::cached(item, &errors),
    }
}

/// `#[updates(entry, targets)] item`
pub(crate) fn updates(targets: TokenStream, item: &TokenStream) -> TokenStream {
    let Ok(function) = syn::parse2::<Function>(item.clone()) else {
        return fallback::cached(item, &check::writes::no_function(Writer::Updates, item));
    };
    match check::writes::updates(&function, attr::writes::read(targets)) {
        Ok(plan) => expand::writes::invalidates(&decide::invalidates(function, plan)),
        Err(errors) => fallback::cached(item, &errors),
    }
}

/// `entry! { input }`
pub(crate) fn declared(input: TokenStream) -> TokenStream {
    let address = match syn::parse2::<Address>(input) {
        Ok(address) => address,
        Err(error) => return check::no_address(&error).to_compile_error(),
    };
    let words = attr::read(address.options.clone(), Place::Entry);
    let paths = Paths::new(words.krate.as_ref().map(|word| &word.value));
    match check::declared(&address, words) {
        Ok((value, settings, key, tags)) => {
            let (site, companion) = decide::declared(address, value, settings, &key, tags);
            expand::companion(&paths, &site, &companion)
        }
        Err(errors) => fallback::declared(&address, &paths, &errors),
    }
}
