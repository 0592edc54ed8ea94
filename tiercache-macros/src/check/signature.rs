//! Functions that cannot be cached, and arguments that cannot be given to one.

use quote::{ToTokens, quote};
use syn::visit::{self, Visit};
use syn::{Lifetime, ReceiverKind, Safety, Signature, Type, TypeImplTrait, TypeReference};

use crate::diag::writes::{self, Writer};
use crate::diag::{self, Errors};
use crate::item::{Args, Form, Function, last_segment};
use crate::model::stored;

/// A function as such.
pub(super) fn function(function: &Function, value: Option<&Type>, errors: &mut Errors) {
    qualifiers(&function.sig, &|token, word| diag::qualified(token, word), errors);
    match &function.form {
        Form::Sync => errors.push(diag::not_async(function.sig.fn_token)),
        Form::Async(_) | Form::Boxed(_) => output(function, value, errors),
    }
    arguments(&function.args, errors);
}

/// A function whose elements are cached one by one: it may take anything that can be given again.
pub(super) fn batch(function: &Function, errors: &mut Errors) {
    qualifiers(&function.sig, &|token, word| diag::qualified(token, word), errors);
    if matches!(function.form, Form::Sync) {
        errors.push(diag::not_async(function.sig.fn_token));
    }
    if let Some(output) = &function.output {
        Impls(&|ty| diag::impl_return(ty), errors).visit_type(output);
    }
    arguments(&function.args, errors);
}

/// A function that writes: it may return anything that has a name, and take anything.
pub(super) fn writer(function: &Function, attribute: Writer, errors: &mut Errors) {
    qualifiers(&function.sig, &|token, word| writes::qualified(attribute, token, word), errors);
    if matches!(function.form, Form::Sync) {
        errors.push(writes::not_async(attribute, function.sig.fn_token));
    }
    if let Some(output) = &function.output {
        Impls(&|ty| writes::impl_return(ty), errors).visit_type(output);
    }
}

/// A function whose value is stored: it returns one.
pub(super) fn updater(function: &Function, errors: &mut Errors) {
    match function.output.as_ref().map(stored) {
        None => errors.push(writes::nothing_returned(&function.sig.ident)),
        Some(value) if is_nothing(value) => errors.push(writes::nothing_returned(value)),
        Some(_) => {}
    }
}

type Wording<'a> = &'a dyn Fn(&dyn ToTokens, &str) -> syn::Error;

/// `const`, `unsafe`, `extern`, and C's variable arguments.
fn qualifiers(sig: &Signature, refuse: Wording<'_>, errors: &mut Errors) {
    if let Some(token) = &sig.constness {
        errors.push(refuse(token, "a `const`"));
    }
    if let Safety::Unsafe(token) = &sig.safety {
        errors.push(refuse(token, "an `unsafe`"));
    }
    if let Some(abi) = &sig.abi {
        errors.push(refuse(abi, "an `extern`"));
    }
    if let Some(variadic) = &sig.variadic {
        errors.push(refuse(variadic, "a variadic"));
    }
}

/// The signature of an address.
pub(super) fn address(sig: &Signature, args: &Args, value: Option<&Type>, errors: &mut Errors) {
    qualifiers(sig, &|token, word| diag::qualified(token, word), errors);
    if let Some(token) = sig.asyncness {
        errors.push(diag::async_address(token));
    }
    match value {
        None => errors.push(diag::address_of_nothing(&sig.ident)),
        Some(value) => stored_type(value, value, &|token| diag::address_of_nothing(token), errors),
    }
    arguments(args, errors);
}

fn output(function: &Function, value: Option<&Type>, errors: &mut Errors) {
    match &function.output {
        None => errors.push(diag::nothing_to_store(&function.sig.ident)),
        Some(output) => {
            let value = value.unwrap_or_else(|| stored(output));
            stored_type(output, value, &|ty| diag::nothing_to_store(ty), errors);
        }
    }
}

fn stored_type(output: &Type, value: &Type, nothing: &dyn Fn(&Type) -> syn::Error, errors: &mut Errors) {
    if is_nothing(value) {
        errors.push(nothing(value));
    }
    Impls(&|ty| diag::impl_return(ty), errors).visit_type(output);
    Borrows(errors).visit_type(value);
}

fn is_nothing(value: &Type) -> bool {
    matches!(value, Type::Never(_)) || matches!(value, Type::Tuple(tuple) if tuple.elems.is_empty())
}

fn arguments(args: &Args, errors: &mut Errors) {
    if let Some(receiver) = &args.receiver {
        match &receiver.kind {
            ReceiverKind::Reference(_, _, Some(_)) => errors.push(diag::mutable_receiver(receiver)),
            ReceiverKind::Typed(_, ty) if Mutable::is_in(ty) => errors.push(diag::mutable_receiver(receiver)),
            _ => {}
        }
    }
    for arg in args.named.iter().filter(|arg| Mutable::is_in(&arg.ty)) {
        let (name, ty) = (&arg.name, &arg.ty);
        errors.push(diag::mutable_argument(quote!(#name: #ty)));
    }
    for pattern in &args.patterns {
        errors.push(diag::pattern(pattern));
    }
}

/// Refuses every `impl Trait`.
struct Impls<'a>(&'a dyn Fn(&TypeImplTrait) -> syn::Error, &'a mut Errors);

impl<'ast> Visit<'ast> for Impls<'_> {
    fn visit_type_impl_trait(&mut self, ty: &'ast TypeImplTrait) {
        self.1.push((self.0)(ty));
    }
}

/// Refuses every reference, and every lifetime that is not `'static`.
struct Borrows<'a>(&'a mut Errors);

impl<'ast> Visit<'ast> for Borrows<'_> {
    fn visit_type_reference(&mut self, ty: &'ast TypeReference) {
        self.0.push(diag::borrowed_return(ty));
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident != "static" {
            self.0.push(diag::borrowed_return(lifetime));
        }
    }

    // Whatever stands in one is refused already.
    fn visit_type_impl_trait(&mut self, _: &'ast TypeImplTrait) {}
}

/// Finds a `&mut` that the caller gives, and not one that a closure takes.
struct Mutable(bool);

impl Mutable {
    fn is_in(ty: &Type) -> bool {
        let mut mutable = Self(false);
        mutable.visit_type(ty);
        mutable.0
    }
}

impl<'ast> Visit<'ast> for Mutable {
    fn visit_type(&mut self, ty: &'ast Type) {
        match ty {
            Type::FnPtr(_) | Type::ImplTrait(_) | Type::TraitObject(_) => {}
            Type::Reference(reference) if reference.mutability.is_some() => self.0 = true,
            other => visit::visit_type(self, other),
        }
    }
}

/// Whether a `HashSet` stands anywhere in the spelling of a type.
pub(super) fn has_hash_set(ty: &Type) -> bool {
    struct Find(bool);
    impl<'ast> Visit<'ast> for Find {
        fn visit_type(&mut self, ty: &'ast Type) {
            self.0 |= last_segment(ty).is_some_and(|segment| segment.ident == "HashSet");
            visit::visit_type(self, ty);
        }
    }
    let mut find = Find(false);
    find.visit_type(ty);
    find.0
}
