//! The declared minimal Rust is true.

use std::process::Command;

use serde_json::Value;

use crate::metadata::{Metadata, text};
use crate::run::{Result, find, output, root, step};

pub(crate) fn check(metadata: &Metadata) -> Result {
    let declared = text(&metadata.package("tiercache")?["rust_version"]);
    let ours = version(declared).ok_or("tiercache declares no rust-version")?;
    println!("==> no dependency of tiercache declares a later Rust than {declared}");
    let dependencies = metadata.dependencies("tiercache")?;
    let later: Vec<String> =
        dependencies.iter().filter(|package| needs(package) > Some(ours)).copied().map(describe).collect();
    if !later.is_empty() {
        return Err(format!("tiercache declares Rust {declared}, but\n  {}", later.join("\n  ")));
    }
    let silent: Vec<&str> =
        dependencies.iter().filter(|package| needs(package).is_none()).map(|package| text(&package["name"])).collect();
    println!("==> ok for {} packages; these declare none: {}\n", dependencies.len(), silent.join(", "));
    compile(declared)
}

/// Compiles with the declared toolchain, where rustup has it.
fn compile(declared: &str) -> Result {
    let Some(toolchain) = installed(declared)? else {
        println!("==> rustup has no toolchain {declared}: that the code compiles with it was not checked\n");
        return Ok(());
    };
    let check = ["cargo", "check", "-p", "tiercache", "--all-features"];
    step(Command::new("rustup").args(["run", &toolchain]).args(check).current_dir(root()))
}

fn installed(declared: &str) -> Result<Option<String>> {
    if find("rustup").is_none() {
        return Ok(None);
    }
    let list = output(Command::new("rustup").args(["toolchain", "list"]))?;
    let mut names = list.lines().filter_map(|line| line.split_whitespace().next());
    Ok(names.find(|name| is_toolchain(name, declared)).map(ToOwned::to_owned))
}

/// Whether `name` (`1.89-x86_64-unknown-linux-gnu`, `1.89.0-…`) is the toolchain of `declared` (`1.89`).
fn is_toolchain(name: &str, declared: &str) -> bool {
    let number = name.split('-').next().unwrap_or_default();
    version(number).is_some_and(|number| Some(number) == version(declared))
}

fn needs(package: &Value) -> Option<[u32; 3]> {
    version(text(&package["rust_version"]))
}

fn describe(package: &Value) -> String {
    let [name, version, rust] = ["name", "version", "rust_version"].map(|field| text(&package[field]));
    format!("{name} {version} needs {rust}")
}

/// `1.89` and `1.89.0` are the same.
fn version(text: &str) -> Option<[u32; 3]> {
    let mut numbers = text.split('.').map(str::parse);
    let mut version = [0; 3];
    for (at, place) in version.iter_mut().enumerate() {
        match numbers.next() {
            Some(number) => *place = number.ok()?,
            None if at > 0 => break,
            None => return None,
        }
    }
    Some(version)
}

#[test]
fn versions_compare_by_number() {
    assert!(version("1.9") < version("1.89"));
    assert!(version("1.89.1") > version("1.89"));
    assert_eq!(version("1.89.0"), version("1.89"));
    assert_eq!(version(""), None);
    assert_eq!(version("nightly"), None);
}

#[test]
fn the_declared_toolchain_is_recognised() {
    assert!(is_toolchain("1.89-x86_64-unknown-linux-gnu", "1.89"));
    assert!(is_toolchain("1.89.0-aarch64-apple-darwin", "1.89"));
    assert!(!is_toolchain("stable-x86_64-unknown-linux-gnu", "1.89"));
    assert!(!is_toolchain("1.8-x86_64-unknown-linux-gnu", "1.89"));
}
