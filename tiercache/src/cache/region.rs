//! A region: what all entries of one cached function, or of one prefix of the direct API, have in common.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use crate::coherence::groups::Groups;
use crate::key::SiteDigest;
use crate::stats::Counters;

use super::hot::{Hits, Hot};
use super::named::{DEFAULT, NamedCache};
use super::policy::{Policy, Terms};

/// What all entries of one function have in common.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) prefix: String,
    /// The function's identity; none for keys made by hand.
    pub(crate) function: Option<String>,
    pub(crate) named: Arc<NamedCache>,
    pub(crate) terms: Terms,
    pub(crate) counters: Arc<Counters>,
    pub(crate) groups: Groups,
    /// Moved when the prefix is invalidated; shared by all regions of the prefix.
    generation: Arc<AtomicU32>,
    round_trip: AtomicU8,
    /// What counts its hits, if hot keys are kept.
    pub(crate) hot: Option<Hits>,
}

const UNPROVEN: u8 = 0;
const PROVEN: u8 = 1;
const BROKEN: u8 = 2;

impl Region {
    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether its values have been found to come back from their codec as they went in; `None` before the first was tried.
    pub(crate) fn round_trips(&self) -> Option<bool> {
        match self.round_trip.load(Ordering::Relaxed) {
            UNPROVEN => None,
            state => Some(state == PROVEN),
        }
    }

    /// Notes how the first value came back. Says whether this is news.
    pub(crate) fn note_round_trip(&self, works: bool) -> bool {
        let state = if works { PROVEN } else { BROKEN };
        // Of two first values that are tried at once, the one that does not come back decides.
        self.round_trip.fetch_max(state, Ordering::Relaxed) < state
    }

    /// Its name in logs and `health()`.
    pub(crate) fn label(&self) -> &str {
        self.function.as_deref().unwrap_or(&self.prefix)
    }
}

/// What a region is made of.
pub(crate) struct Spec<'a> {
    pub(crate) site: SiteDigest,
    pub(crate) prefix: &'a str,
    pub(crate) function: Option<&'a str>,
    pub(crate) policy: &'a Policy,
}

/// Prefixes of hand-made keys may be made of user input: those that come when there are so many regions already have their numbers
/// together.
const MOST_REGIONS: usize = 1_024;
/// Under this name, which no prefix has.
const OTHERS: &str = "(others)";

/// The regions of a cache, made when first used.
#[derive(Debug)]
pub(crate) struct Regions {
    caches: HashMap<String, Arc<NamedCache>>,
    default: Arc<NamedCache>,
    /// By site and named cache.
    made: RwLock<HashMap<(SiteDigest, usize), Arc<Region>>>,
    generations: Mutex<HashMap<String, Arc<AtomicU32>>>,
    /// By named cache: what the prefixes without a region of their own have together.
    others: Mutex<HashMap<usize, Arc<Region>>>,
    warned: AtomicBool,
    hot: Option<Arc<Hot>>,
}

impl Regions {
    pub(crate) fn new(default: NamedCache, named: Vec<NamedCache>, hot: Option<Arc<Hot>>) -> Self {
        let default = Arc::new(default);
        let caches = named.into_iter().map(|named| (named.name.clone(), Arc::new(named)));
        Self {
            caches: caches.chain([(DEFAULT.to_owned(), Arc::clone(&default))]).collect(),
            default,
            made: RwLock::default(),
            generations: Mutex::default(),
            others: Mutex::default(),
            warned: AtomicBool::new(false),
            hot,
        }
    }

    /// What keeps the hot keys, if they are kept.
    pub(crate) fn hot(&self) -> Option<&Arc<Hot>> {
        self.hot.as_ref()
    }

    /// The region of `spec`, made if this is its first use.
    pub(crate) fn get(&self, spec: &Spec<'_>) -> Arc<Region> {
        let named = self.named(spec.policy.cache_name());
        let id = (spec.site, Arc::as_ptr(named).addr());
        let regions = self.made.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(region) = regions.get(&id) {
            return Arc::clone(region);
        }
        drop(regions);
        let mut regions = self.made.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if spec.function.is_none() && regions.len() >= MOST_REGIONS && !regions.contains_key(&id) {
            drop(regions);
            return self.passing(spec, named);
        }
        Arc::clone(regions.entry(id).or_insert_with(|| Arc::new(self.make(spec, named))))
    }

    /// A region that nobody keeps: all but its prefix is that of all such regions of its named cache. So the invalidation of any
    /// prefix is one of theirs: better too much.
    fn passing(&self, spec: &Spec<'_>, named: &Arc<NamedCache>) -> Arc<Region> {
        let mut others = self.others.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let shared = others
            .entry(Arc::as_ptr(named).addr())
            .or_insert_with(|| Arc::new(self.make(&Spec { prefix: OTHERS, ..*spec }, named)));
        Arc::new(Region {
            prefix: spec.prefix.to_owned(),
            function: None,
            named: Arc::clone(named),
            terms: spec.policy.terms(named),
            counters: Arc::clone(&shared.counters),
            groups: Groups::of(spec.prefix),
            generation: Arc::clone(&shared.generation),
            round_trip: AtomicU8::new(UNPROVEN),
            hot: None,
        })
    }

    /// All regions used so far.
    pub(crate) fn all(&self) -> Vec<Arc<Region>> {
        let regions = self.made.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let others = self.others.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        regions.values().chain(others.values()).cloned().collect()
    }

    /// All named caches, the default one included.
    pub(crate) fn caches(&self) -> impl Iterator<Item = &Arc<NamedCache>> {
        self.caches.values()
    }

    /// Makes every entry of the prefixes that are `covered` stale in this process.
    pub(crate) fn move_generations(&self, covered: impl Fn(&str) -> bool) {
        let generations = self.generations.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (_, generation) in generations.iter().filter(|(prefix, _)| *prefix == OTHERS || covered(prefix)) {
            generation.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn make(&self, spec: &Spec<'_>, named: &Arc<NamedCache>) -> Region {
        let mut generations = self.generations.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let generation = generations.entry(spec.prefix.to_owned()).or_default();
        Region {
            prefix: spec.prefix.to_owned(),
            function: spec.function.map(str::to_owned),
            named: Arc::clone(named),
            terms: spec.policy.terms(named),
            counters: Arc::new(Counters::new()),
            groups: Groups::of(spec.prefix),
            generation: Arc::clone(generation),
            round_trip: AtomicU8::new(UNPROVEN),
            hot: self.hot.as_ref().filter(|_| spec.function.is_some()).map(|hot| Hits::new(hot, &spec.site)),
        }
    }

    /// The cache of this name; the default one, with a warning, if there is none.
    fn named(&self, name: Option<&str>) -> &Arc<NamedCache> {
        let Some(name) = name else { return &self.default };
        self.caches.get(name).unwrap_or_else(|| {
            if !self.warned.swap(true, Ordering::Relaxed) {
                tracing::warn!(cache = name, "no cache of this name was configured: using the default one");
            }
            &self.default
        })
    }
}
