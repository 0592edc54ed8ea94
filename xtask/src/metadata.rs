//! What cargo knows about the workspace and its dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use crate::run::{Result, cargo, output};

/// The answer of `cargo metadata`, with all features.
pub(crate) struct Metadata(Value);

impl Metadata {
    pub(crate) fn read() -> Result<Self> {
        let text = output(&mut cargo(["metadata", "--format-version", "1", "--all-features"]))?;
        serde_json::from_str(&text).map(Self).map_err(|error| format!("cargo metadata printed no JSON: {error}"))
    }

    pub(crate) fn target_directory(&self) -> PathBuf {
        PathBuf::from(text(&self.0["target_directory"]))
    }

    /// The workspace's own package of this name.
    pub(crate) fn package(&self, name: &str) -> Result<&Value> {
        let members = list(&self.0["workspace_members"]);
        let found = list(&self.0["packages"]).iter().find(|package| package["name"] == name);
        found.filter(|package| members.contains(&package["id"])).ok_or(format!("the workspace has no package `{name}`"))
    }

    /// The features of a package: name to what it turns on.
    pub(crate) fn features(&self, package: &str) -> Result<BTreeMap<String, Vec<String>>> {
        let features = self.package(package)?["features"].as_object().into_iter().flatten();
        let on = |value| list(value).iter().map(|feature| text(feature).to_owned()).collect();
        Ok(features.map(|(name, value)| (name.clone(), on(value))).collect())
    }

    /// The names of a package's examples.
    pub(crate) fn examples(&self, package: &str) -> Result<Vec<String>> {
        let targets = list(&self.package(package)?["targets"]);
        let examples = targets.iter().filter(|target| list(&target["kind"]).contains(&Value::from("example")));
        Ok(examples.map(|target| text(&target["name"]).to_owned()).collect())
    }

    /// All that is compiled for users of a package, on any platform: what tests alone need is left out.
    pub(crate) fn dependencies(&self, package: &str) -> Result<Vec<&Value>> {
        let nodes: BTreeMap<&str, &Value> =
            list(&self.0["resolve"]["nodes"]).iter().map(|node| (text(&node["id"]), node)).collect();
        let mut seen = BTreeSet::new();
        let mut waiting = vec![text(&self.package(package)?["id"])];
        while let Some(id) = waiting.pop() {
            if seen.insert(id) {
                let edges = nodes.get(id).map_or(&[][..], |node| list(&node["deps"]));
                waiting.extend(edges.iter().filter(|edge| is_shipped(edge)).map(|edge| text(&edge["pkg"])));
            }
        }
        Ok(list(&self.0["packages"]).iter().filter(|package| seen.contains(text(&package["id"]))).collect())
    }
}

fn is_shipped(edge: &Value) -> bool {
    list(&edge["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A string, or an empty one for what cargo leaves out.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
