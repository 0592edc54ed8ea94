//! The files of the workspace, by their path from its root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}

/// What git tracks or would track; outside a git checkout (a source archive), all that is there.
pub(crate) fn tracked() -> Vec<String> {
    let listed = Command::new("git").args(["ls-files", "-z", "-co", "--exclude-standard"]).current_dir(root()).output();
    let paths: Vec<String> = match listed {
        Ok(output) if output.status.success() => {
            let names = String::from_utf8_lossy(&output.stdout);
            names.split('\0').filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect()
        }
        _ => walk(root()),
    };
    // A file removed from the disk is tracked until the next commit.
    let paths: Vec<String> = paths.into_iter().filter(|path| root().join(path).is_file()).collect();
    assert!(
        paths.iter().any(|path| path == "Cargo.toml"),
        "the workspace's files were not found in {}",
        root().display()
    );
    paths
}

/// The Rust sources below `folder`, sorted.
pub(crate) fn rust_files(folder: &str) -> Vec<String> {
    let mut files = walk(&root().join(folder));
    files.retain(|path| is_rust(path));
    files.sort();
    files
}

pub(crate) fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path} is not readable text: {error}"))
}

/// The text of a file, unless it is binary.
pub(crate) fn read_text(path: &str) -> Option<String> {
    let bytes = fs::read(root().join(path)).unwrap_or_else(|error| panic!("{path} is not readable: {error}"));
    String::from_utf8(bytes).ok()
}

fn walk(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if !path.is_dir() {
                files.push(name(&path));
            } else if !path.ends_with("target") && !path.ends_with(".git") {
                folders.push(path);
            }
        }
    }
    files
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let listed = listed.unwrap_or_else(|error| panic!("{} cannot be listed: {error}", folder.display()));
    listed.into_iter().map(|entry| entry.path()).collect()
}

fn name(path: &Path) -> String {
    let relative = path.strip_prefix(root()).expect("every path was found below the root");
    relative.to_string_lossy().replace('\\', "/")
}
