//! `cargo xtask mutate`: breaks the rules of coherence one by one, and demands that a check notices each.
//!
//! A check that never failed proves nothing. The sources are changed in a copy below the target directory, never where they
//! are. `MUTATION=fence` tries only those whose rule says so.

mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::metadata::Metadata;
use crate::run::{Result, cargo, output, root, show};

use table::{Check, MUTATIONS, Mutation};

/// Runs that a broken rule may take to be noticed; every rule so far took far fewer.
const SEEDS: &str = "1000";
/// What the simulation says when it has found something.
const BROKEN: &str = " breaks a promise";

pub(crate) fn run() -> Result {
    let folder = Metadata::read()?.target_directory().join("mutate");
    let copy = Copy { sources: folder.join("sources"), target: folder.join("target") };
    copy.refresh()?;
    let mut rows = vec!["| rule broken | caught by | after |".to_owned(), "|---|---|---|".to_owned()];
    let mut missed = Vec::new();
    let wanted = env::var("MUTATION").unwrap_or_default();
    for mutation in MUTATIONS.iter().filter(|mutation| mutation.rule.contains(&wanted)) {
        println!("==> without: {}", mutation.rule);
        let caught = copy.try_out(mutation)?;
        missed.extend(caught.is_none().then_some(mutation.rule));
        let after = caught.unwrap_or_else(|| "**not caught**".to_owned());
        println!("==> {after}\n");
        rows.push(format!("| {} | {} | {after} |", mutation.rule, mutation.caught_by.name()));
    }
    println!("{}", rows.join("\n"));
    if missed.is_empty() {
        Ok(())
    } else {
        Err(format!("nothing notices when these are broken: {}", missed.join("; ")))
    }
}

/// The workspace's sources, to be changed.
struct Copy {
    sources: PathBuf,
    target: PathBuf,
}

impl Copy {
    /// Makes it equal to the sources. Files that are so already are left alone, so that cargo need not build them again.
    fn refresh(&self) -> Result {
        let listed =
            output(Command::new("git").args(["ls-files", "-z", "-co", "--exclude-standard"]).current_dir(root()))?;
        for path in listed.split('\0').filter(|path| !path.is_empty()) {
            // A file removed from the disk is tracked until the next commit.
            let Ok(text) = fs::read(root().join(path)) else { continue };
            let copied = self.sources.join(path);
            if fs::read(&copied).ok().as_ref() != Some(&text) {
                write(&copied, &text)?;
            }
        }
        Ok(())
    }

    /// Says after what the mutation was caught; `None` if it was not.
    fn try_out(&self, mutation: &Mutation) -> Result<Option<String>> {
        let file = self.sources.join(mutation.file);
        let text = fs::read_to_string(&file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
        write(&file, mutated(mutation, &text)?.as_bytes())?;
        let caught = self.check(mutation.caught_by);
        write(&file, text.as_bytes())?;
        caught
    }

    fn check(&self, check: Check) -> Result<Option<String>> {
        // What does not even compile was not caught by the check.
        output(self.cargo(check).arg("--no-run"))?;
        let mut command = self.cargo(check);
        let result = command.output().map_err(|error| format!("`{}` cannot be started: {error}", show(&command)))?;
        if result.status.success() {
            return Ok(None);
        }
        let printed = String::from_utf8_lossy(&result.stdout).into_owned() + &String::from_utf8_lossy(&result.stderr);
        match check {
            Check::Simulation => seed(&printed).map(|seed| Some(format!("seed {seed}"))).ok_or(printed),
            Check::Redis(_) | Check::Cluster(_) => Ok(Some("1 run".to_owned())),
        }
    }

    fn cargo(&self, check: Check) -> Command {
        let mut command = cargo(["test", "--quiet", "--target-dir"]);
        command.arg(&self.target).current_dir(&self.sources);
        match check {
            Check::Simulation => {
                let features = "test-util,macros,quick-cache,bincode";
                command.args(["-p", "tiercache", "--lib", "--no-default-features", "--features", features, SIMULATION]);
                command.env("SIMULATION_SEEDS", SEEDS).env("SIMULATION_SMALLER", "0");
            }
            Check::Redis(test) => {
                command.args(["-p", "tiercache-tests", "--test", "redis", "--all-features", test]);
            }
            Check::Cluster(test) => {
                command.args(["-p", "tiercache-tests", "--test", "cluster", "--all-features", test]);
            }
        }
        command
    }
}

/// The test of the simulation.
const SIMULATION: &str = "simulation::no_invalidation";

impl Check {
    fn name(self) -> &'static str {
        match self {
            Self::Simulation => "simulation",
            Self::Redis(test) | Self::Cluster(test) => test,
        }
    }
}

/// `text` with the mutation in it.
fn mutated(mutation: &Mutation, text: &str) -> Result<String> {
    match text.matches(mutation.find).count() {
        1 => Ok(text.replacen(mutation.find, mutation.replace, 1)),
        found => Err(format!(
            "{} holds {found} times what xtask/src/mutate/table.rs changes to break \"{}\": bring the table up to date",
            mutation.file, mutation.rule
        )),
    }
}

/// The seed that the simulation names.
fn seed(printed: &str) -> Option<u64> {
    let before = &printed[..printed.find(BROKEN)?];
    before.rsplit(' ').next()?.parse().ok()
}

fn write(path: &Path, text: &[u8]) -> Result {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

#[test]
fn every_mutation_applies_to_the_sources_as_they_are() {
    for mutation in MUTATIONS {
        let text = fs::read_to_string(root().join(mutation.file)).expect("the file is there");
        assert_ne!(mutated(mutation, &text).expect("it applies"), text);
    }
}

#[test]
fn the_seed_is_found_in_what_the_simulation_says() {
    assert_eq!(seed("thread panicked:\nseed 17 breaks a promise\nPlan"), Some(17));
    assert_eq!(seed("error: could not compile"), None);
}
