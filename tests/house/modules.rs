//! Every source file is a module of its crate: one that no `mod` names is compiled by nobody.

use super::source::Violation;

/// The files among `sources`, paths and texts, that no other one declares. Snapshots are read, not compiled.
pub(crate) fn orphans(sources: &[(String, String)]) -> Vec<Violation> {
    let roots = |path: &str| path.ends_with("/lib.rs") || path.contains("/snapshots/");
    let orphans = sources.iter().filter(|(path, _)| !roots(path) && !is_declared(path, sources));
    orphans.map(|(path, _)| Violation::new(path, 1, "no `mod` declares this file: declare it, or remove it")).collect()
}

fn is_declared(path: &str, sources: &[(String, String)]) -> bool {
    let stem = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let Some((folder, name)) = stem.rsplit_once('/') else { return false };
    let parents = [format!("{folder}.rs"), format!("{folder}/mod.rs"), format!("{folder}/lib.rs")];
    let declared = |text: &str| {
        text.lines().any(|line| {
            let line = line.trim();
            line.ends_with(&format!("mod {name};")) || line == format!("#[path = \"{name}/mod.rs\"]")
        })
    };
    sources.iter().any(|(path, text)| parents.contains(path) && declared(text))
}

#[test]
fn a_file_that_nobody_declares_is_found() {
    let source = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let sources = [
        source("a/src/lib.rs", "mod codec;\n#[path = \"private/mod.rs\"]\npub mod __private;"),
        source("a/src/codec/mod.rs", "#[cfg(test)]\nmod tests;\nmod guard;"),
        source("a/src/codec/guard.rs", "mod access;"),
        source("a/src/codec/guard/access.rs", ""),
        source("a/src/codec/access.rs", ""),
        source("a/src/codec/tests.rs", ""),
        source("a/src/private/mod.rs", ""),
    ];
    let found: Vec<String> = orphans(&sources).iter().map(ToString::to_string).collect();
    assert!(found.len() == 1 && found[0].starts_with("a/src/codec/access.rs"), "{found:?}");
}
