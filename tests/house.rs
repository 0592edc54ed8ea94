//! The house rules, checked on the source text. Each has tests of its own that show it finding what breaks it.

#[path = "house/modules.rs"]
mod modules;
#[path = "house/rooms.rs"]
mod rooms;
#[path = "house/size.rs"]
mod size;
#[path = "house/source.rs"]
mod source;
#[path = "house/tree.rs"]
mod tree;
#[path = "house/words.rs"]
mod words;

use source::{Source, Violation};

/// The sources that users compile.
const SHIPPED: [&str; 2] = ["tiercache/src", "tiercache-macros/src"];
const README_LINES: usize = 250;

#[test]
fn every_file_imports_only_from_lower_rooms() {
    report(&over(&["tiercache/src"], rooms::check));
}

#[test]
fn files_and_functions_stay_short() {
    report(&over(&SHIPPED, size::check));
}

#[test]
fn every_file_is_a_module_of_its_crate() {
    let paths = SHIPPED.iter().flat_map(|folder| tree::rust_files(folder));
    report(&modules::orphans(&paths.map(|path| (path.clone(), tree::read(&path))).collect::<Vec<_>>()));
}

#[test]
fn nothing_shipped_unwraps_or_is_left_to_do() {
    report(&over(&SHIPPED, words::check_unfinished));
}

#[test]
fn nothing_but_stored_entries_depends_on_the_wall_clock() {
    report(&over(&SHIPPED, words::check_wall_clock));
}

#[test]
fn no_test_is_skipped() {
    let files = tree::tracked().into_iter().filter(|path| tree::is_rust(path) && !path.starts_with("tests/ui/"));
    report(&files.flat_map(|path| words::check_skipped(&path, &tree::read(&path))).collect::<Vec<_>>());
}

#[test]
fn the_readme_can_be_read_in_one_sitting() {
    let lines = tree::read("README.md").lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines; move what exceeds {README_LINES} into the docs");
}

#[test]
fn no_tracked_file_names_somebodys_home() {
    let texts = tree::tracked().into_iter().filter_map(|path| Some((tree::read_text(&path)?, path)));
    report(&texts.flat_map(|(text, path)| words::check_homes(&path, &text)).collect::<Vec<_>>());
}

/// Runs `check` over every source below `folders`, without the files that are test modules.
fn over(folders: &[&str], check: fn(&Source) -> Vec<Violation>) -> Vec<Violation> {
    let paths: Vec<String> = folders.iter().flat_map(|folder| tree::rust_files(folder)).collect();
    assert!(!paths.is_empty(), "no sources below {folders:?}: the check would pass by looking at nothing");
    let mut violations = Vec::new();
    let mut sources = Vec::new();
    for path in paths {
        match Source::parse(&path, &tree::read(&path)) {
            Ok(source) => sources.push(source),
            Err(violation) => violations.push(violation),
        }
    }
    let is_test = |path: &str| sources.iter().any(|source| source.declares_as_test(path));
    violations.extend(sources.iter().filter(|source| !is_test(&source.path)).flat_map(check));
    violations
}

fn report(violations: &[Violation]) {
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} violations:\n{}", lines.len(), lines.join("\n"));
}
