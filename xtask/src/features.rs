//! Features are additive: each alone compiles, and what one brings in is absent without it.

use std::collections::{BTreeMap, BTreeSet};

use crate::metadata::Metadata;
use crate::run::{Result, cargo, output, step};

type Features = BTreeMap<String, Vec<String>>;

/// A feature, and the packages that the docs promise to be absent without it.
const PROMISES: [(&str, &[&str]); 3] =
    [("redis", &["redis"]), ("macros", &["tiercache-macros"]), ("bincode", &["bincode"])];

pub(crate) fn check(metadata: &Metadata) -> Result {
    let features = metadata.features("tiercache")?;
    // `default` is what everything else is checked with.
    let alone = features.keys().map(String::as_str).filter(|feature| *feature != "default");
    for feature in std::iter::once("").chain(alone) {
        step(&mut cargo(["check", "--quiet", "-p", "tiercache", "--no-default-features", "--features", feature]))?;
    }
    PROMISES.iter().try_for_each(|(feature, packages)| is_absent(&features, feature, packages))
}

fn is_absent(features: &Features, feature: &str, packages: &[&str]) -> Result {
    if !features.contains_key(feature) {
        return Err(format!("xtask/src/features.rs checks feature `{feature}`, which tiercache does not have"));
    }
    let others = without(features, feature).join(",");
    println!("==> without `{feature}`, no {} in the tree", packages.join(", "));
    let mut tree = cargo(["tree", "-p", "tiercache", "--edges", "normal,build", "--target", "all"]);
    tree.args(["--prefix", "none", "--format", "{p}", "--no-default-features", "--features", &others]);
    let tree = output(&mut tree)?;
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    if !names.contains("tiercache") {
        return Err(format!("cargo tree printed something else than a tree:\n{tree}"));
    }
    match packages.iter().find(|package| names.contains(**package)) {
        None => Ok(()),
        Some(package) => Err(format!(
            "`{package}` is in the tree without feature `{feature}`; see\n  \
             cargo tree -p tiercache -i {package} --no-default-features --features {others}"
        )),
    }
}

/// All features that do not turn on `feature`.
fn without<'a>(features: &'a Features, feature: &str) -> Vec<&'a str> {
    let names = features.keys().map(String::as_str);
    names.filter(|name| !turned_on(features, name).contains(feature)).collect()
}

/// All features that `feature` turns on, itself included.
fn turned_on<'a>(features: &'a Features, feature: &'a str) -> BTreeSet<&'a str> {
    let mut on = BTreeSet::new();
    let mut waiting = vec![feature];
    while let Some(name) = waiting.pop() {
        if on.insert(name) {
            waiting.extend(features.get(name).into_iter().flatten().map(String::as_str));
        }
    }
    on
}

#[test]
fn features_that_lead_to_another_are_left_out_with_it() {
    let features = [("default", &["tls", "json"][..]), ("tls", &["redis"]), ("redis", &["dep:redis"]), ("json", &[])];
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    let features: Features = features.iter().map(|(name, on)| ((*name).to_owned(), owned(on))).collect();
    assert_eq!(without(&features, "redis"), ["json"]);
    assert_eq!(without(&features, "json"), ["redis", "tls"]);
}
