//! The workspace's own commands: `cargo xtask help` lists them.

mod features;
mod fuzz;
mod lint;
mod metadata;
mod msrv;
mod mutate;
mod prove;
mod redis;
mod run;
mod servers;
mod test;

use std::process::ExitCode;

use run::Result;

type Command = (&'static str, &'static str, fn() -> Result);

const COMMANDS: [Command; 9] = [
    ("test", "run every test and example of the workspace; finds or installs redis-server", test::run),
    ("lint", "check format, clippy, docs, dependencies, features one by one, the minimal Rust", lint::run),
    ("audit", "check the dependencies against the advisory database, which it fetches", lint::audit),
    ("fuzz", "build the fuzz targets and run each for a short time", fuzz::run),
    ("servers", "start a Redis server, a cluster and a sentinel group; Ctrl-C ends them", servers::run),
    ("simulate", "run thousands of seeds of the simulation (SIMULATION_SEEDS=.., SIMULATION_SEED=..)", test::simulate),
    ("mutate", "break each rule of coherence in a copy of the sources; a check must notice", mutate::run),
    ("prove", "run the checks of coherence for as long as the guide's figures took, and print those", prove::run),
    ("help", "show this list", help),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result {
    match arguments {
        [] => help(),
        [name] => match COMMANDS.iter().find(|(known, ..)| known == name) {
            Some((_, _, run)) => run(),
            None => Err(format!("no command `{name}`\n\n{}", list())),
        },
        [name, rest @ ..] => Err(format!("`{name}` takes no arguments, but got `{}`\n\n{}", rest.join(" "), list())),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all commands")]
fn help() -> Result {
    println!("{}", list());
    Ok(())
}

fn list() -> String {
    let lines = COMMANDS.iter().map(|(name, what, _)| format!("  cargo xtask {name:<8} {what}"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn an_unknown_command_is_told_the_known_ones() {
    let error = dispatch(&["tset".to_owned()]).expect_err("there is no such command");
    assert!(error.contains("`tset`"), "{error}");
    for (name, ..) in COMMANDS {
        assert!(error.contains(&format!("cargo xtask {name}")), "{error}");
    }
}

#[test]
fn arguments_are_refused_and_not_ignored() {
    let error = dispatch(&["test".to_owned(), "--fast".to_owned()]).expect_err("test takes none");
    assert!(error.contains("--fast"), "{error}");
}
