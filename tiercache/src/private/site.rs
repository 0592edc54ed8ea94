//! A cached function's site: what is known of it before its first call, and what is found out at that call.

use std::any::type_name;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::cache::{Cache, Policy, Region, Spec, claim};
use crate::key::{SiteDigest, trim_identity};

/// Lives in a `static` beside a cached function's body.
pub struct Site {
    prefix: &'static str,
    name: &'static str,
    id: Option<&'static str>,
    policy: Policy,
    /// The first instance; the only one, unless the function or its type is generic.
    first: OnceLock<Instance>,
    others: OnceLock<RwLock<HashMap<Name, &'static Instance>>>,
}

/// A type name by its address: equal addresses are equal names. The reverse need not hold; then there are two instances with one
/// identity, which share their region.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Name(usize, usize);

impl Name {
    fn of(name: &'static str) -> Self {
        Self(name.as_ptr().addr(), name.len())
    }
}

/// What a site is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A function with a body, which owns its identity.
    Function,
    /// An address, which is made by a companion or declared.
    Address,
}

/// One instantiation of a cached function.
pub(super) struct Instance {
    name: Name,
    identity: String,
    pub(super) digest: SiteDigest,
    /// Another body has this identity: its entries must not be touched.
    pub(super) disowned: bool,
    installed: OnceLock<Arc<Region>>,
}

impl Site {
    /// The site of the function `name`, with the key prefix `prefix`.
    pub const fn new(prefix: &'static str, name: &'static str, policy: Policy) -> Self {
        Self { prefix, name, id: None, policy, first: OnceLock::new(), others: OnceLock::new() }
    }

    /// Pins the identity.
    #[must_use]
    pub const fn id(mut self, id: &'static str) -> Self {
        self.id = Some(id);
        self
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The instance of the function whose body the closure type `H` is in.
    #[inline]
    pub(super) fn instance<H>(&'static self, types: &[&'static str], role: Role) -> &'static Instance {
        let here = type_name::<H>();
        match self.first.get() {
            Some(first) if first.name == Name::of(here) => first,
            _ => self.find(here, types, role),
        }
    }

    #[cold]
    fn find(&'static self, here: &'static str, types: &[&'static str], role: Role) -> &'static Instance {
        let first = self.first.get_or_init(|| self.make(here, types, role));
        let name = Name::of(here);
        if first.name == name {
            return first;
        }
        let others = self.others.get_or_init(RwLock::default);
        if let Some(instance) = others.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return instance;
        }
        let mut others = others.write().unwrap_or_else(PoisonError::into_inner);
        // One for each instantiation of the function in this program, for as long as it runs.
        others.entry(name).or_insert_with(|| Box::leak(Box::new(self.make(here, types, role))))
    }

    fn make(&'static self, here: &'static str, types: &[&'static str], role: Role) -> Instance {
        let mut identity = self.id.map_or_else(|| trim_identity(here, self.name), str::to_owned);
        if !types.is_empty() {
            identity = format!("{identity}<{}>", types.join(", "));
        }
        let digest = SiteDigest::new(self.prefix, &identity);
        let disowned = role == Role::Function && !claim(digest, &identity, std::ptr::from_ref(self).addr());
        Instance { name: Name::of(here), identity, digest, disowned, installed: OnceLock::new() }
    }

    /// The region of `instance` in the installed cache.
    #[inline]
    pub(super) fn installed_region<'a>(&self, instance: &'a Instance, cache: &Cache) -> &'a Arc<Region> {
        instance.installed.get_or_init(|| self.region(instance, cache))
    }

    /// The region of `instance` in any cache.
    pub(super) fn region(&self, instance: &Instance, cache: &Cache) -> Arc<Region> {
        let function = Some(instance.identity.as_str());
        cache.region(&Spec { site: instance.digest, prefix: self.prefix, function, policy: &self.policy })
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("prefix", &self.prefix).field("name", &self.name).finish_non_exhaustive()
    }
}
