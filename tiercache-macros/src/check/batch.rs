//! What a batch may say: which argument names its elements, and where each of them is.

use proc_macro2::Ident;
use syn::{Error, Expr, ReceiverKind, Type};

use super::{options, signature};
use crate::attr::{About, Place, Words};
use crate::diag::{self, Errors, batch as said};
use crate::item::{Function, argument, last_segment};
use crate::model::batch::{Each, Ids, Plan};
use crate::model::ungrouped;
use crate::paths::Paths;

/// Types that are no map by their very spelling. Any other name may be an alias of one.
const NO_MAPS: [&str; 20] = [
    "BTreeSet", "HashSet", "Option", "String", "Vec", "VecDeque", "bool", "char", "f32", "f64", "i8", "i16", "i32",
    "i64", "i128", "isize", "u8", "u16", "u32", "u64",
];

/// Judges a function with `batch(…)`: everything that is wrong with it, or the plan.
pub(crate) fn batch(function: &Function, words: Words) -> Result<Plan, Error> {
    // What else is given is refused by its name.
    let Words {
        literals: _,
        running: _,
        ttl_from: _,
        key: _,
        tags: _,
        skip: _,
        cache_if: _,
        at: _,
        value: _,
        entry: _,
        batch,
        krate,
        given,
        faults,
    } = words;
    let mut errors = Errors::default();
    signature::batch(function, &mut errors);
    if let Some(receiver) = &function.args.receiver
        && !matches!(receiver.kind, ReceiverKind::Reference(..))
    {
        errors.push(said::receiver(receiver));
    }
    options::faults(faults, Place::Function, &mut errors);
    for (name, about) in given.iter().filter(|(name, _)| name != "batch") {
        if *about != About::Macro {
            errors.push(said::belongs_to_entry(name));
        }
    }
    let output = output(function, &mut errors);
    let elements = batch.map(|word| word.value).map(|elements| {
        let each = each(ungrouped(elements.entry), &mut errors);
        (ids(&elements.ids, function, &mut errors), elements.ids, each)
    });
    let paths = Paths::new(krate.as_ref().map(|word| &word.value));
    match (elements, output) {
        (Some((Some(ids), name, each)), Some(output)) => errors.or(Plan { paths, output, name, ids, each }),
        // What is missing has an error already.
        _ => errors.or(()).and_then(|()| Err(said::no_map(&function.sig.ident))),
    }
}

/// The argument that names the elements.
fn ids(name: &Ident, function: &Function, errors: &mut Errors) -> Option<Ids> {
    let Some(argument) = function.args.named.iter().find(|argument| argument.name == *name) else {
        errors.push(diag::unknown_argument(name, &function.args.names()));
        return None;
    };
    let ids = of_type(&argument.ty);
    if ids.is_none() {
        errors.push(said::no_list(&argument.ty));
    }
    ids
}

fn of_type(ty: &Type) -> Option<Ids> {
    match ty {
        Type::Group(group) => of_type(&group.elem),
        Type::Paren(paren) => of_type(&paren.elem),
        Type::Reference(reference) => match &*reference.elem {
            Type::Slice(slice) => Some(Ids::Slice((*slice.elem).clone())),
            _ => None,
        },
        list => argument(list, "Vec").map(|_| Ids::List(list.clone())),
    }
}

fn each(entry: Expr, errors: &mut Errors) -> Each {
    match entry {
        Expr::Closure(closure) => {
            if closure.inputs.len() != 1 {
                errors.push(said::not_of_one(&closure));
            }
            Each::Closure(Expr::Closure(closure))
        }
        Expr::Path(path) => Each::Function(Expr::Path(path)),
        other => {
            errors.push(said::no_function(&other));
            Each::Function(other)
        }
    }
}

/// What the function returns: a map, or what may be an alias of one.
fn output(function: &Function, errors: &mut Errors) -> Option<Type> {
    let Some(output) = function.output.clone() else {
        errors.push(said::no_map(&function.sig.ident));
        return None;
    };
    let map = argument(&output, "Result").unwrap_or(&output);
    let shapeless =
        matches!(map, Type::Tuple(_) | Type::Array(_) | Type::Slice(_) | Type::Reference(_) | Type::Never(_));
    if shapeless || last_segment(map).is_some_and(|segment| NO_MAPS.iter().any(|name| segment.ident == name)) {
        errors.push(said::no_map(map));
    }
    Some(output)
}
