//! From a function with `batch(…)` to its model.

use syn::{FnArg, Pat, Token};

use crate::item::Function;
use crate::model::batch::{Again, Batch, Plan};
use crate::names::Names;

/// The model of a batch. What the body changes are its own copies, so `mut` moves from the arguments to them.
pub(crate) fn batch(mut function: Function, plan: Plan) -> Batch {
    let used = Names::of(&function.body);
    let (mut mutability, mut again) = (None, Vec::new());
    for arg in &mut function.sig.inputs {
        let FnArg::Typed(arg) = arg else { continue };
        let Pat::Ident(pat) = &mut *arg.pat else { continue };
        if pat.ident == plan.name {
            mutability = pat.mutability.take();
        } else if used.has(&pat.ident) {
            let attrs = arg.attrs.iter().filter(|attr| attr.path().is_ident("cfg")).cloned().collect();
            let taken: Option<Token![mut]> = pat.mutability.take();
            again.push(Again { attrs, mutability: taken, name: pat.ident.clone() });
        }
    }
    Batch { function, plan, mutability, again }
}
