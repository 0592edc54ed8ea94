//! Which function body owns an identity. Two bodies with one would share entries, so the second one runs uncached.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::key::SiteDigest;

static CLAIMS: Mutex<Option<Claims>> = Mutex::new(None);

#[derive(Default)]
struct Claims {
    owners: HashMap<SiteDigest, usize>,
    conflicts: Vec<String>,
}

/// Claims `site` for the body at `body`. Says whether it is that body's own.
pub(crate) fn claim(site: SiteDigest, identity: &str, body: usize) -> bool {
    let mut claims = CLAIMS.lock().unwrap_or_else(PoisonError::into_inner);
    let claims = claims.get_or_insert_default();
    if *claims.owners.entry(site).or_insert(body) == body {
        return true;
    }
    let text = format!(
        "two cached functions have the identity `{identity}`: the second one runs uncached; give one of them `id = \"…\"`"
    );
    tracing::warn!("{text}");
    claims.conflicts.push(text);
    false
}

/// What was found so far, for `health()`.
pub(super) fn conflicts() -> Vec<String> {
    let claims = CLAIMS.lock().unwrap_or_else(PoisonError::into_inner);
    claims.as_ref().map(|claims| claims.conflicts.clone()).unwrap_or_default()
}
