//! The workspace's own commands: `cargo xtask help` lists them.

mod faults;
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
mod soak;
mod test;

use std::process::ExitCode;

use run::Result;

/// A command: its name, what it does, and what runs it.
type Command = (&'static str, &'static str, Run);

#[derive(Clone, Copy)]
enum Run {
    Plain(fn() -> Result),
    /// It is given what comes after its name.
    With(fn(&[String]) -> Result),
}

const COMMANDS: [Command; 12] = [
    ("test", "run every test and example of the workspace; finds or installs redis-server", Run::Plain(test::run)),
    ("valkey", "run the tests of Redis, Cluster and Sentinel with valkey-server instead", Run::Plain(test::valkey)),
    ("lint", "check format, clippy, docs, dependencies, features one by one, the minimal Rust", Run::Plain(lint::run)),
    ("audit", "check the dependencies against the advisory database, which it fetches", Run::Plain(lint::audit)),
    ("fuzz", "build the fuzz targets and run each for 10 s, or so many times (--runs 10000000)", Run::With(fuzz::run)),
    ("servers", "start a Redis server, a cluster and a sentinel group; Ctrl-C ends them", Run::Plain(servers::run)),
    (
        "simulate",
        "run thousands of seeds of the simulation (SIMULATION_SEEDS=.., SIMULATION_SEED=..)",
        Run::Plain(test::simulate),
    ),
    ("mutate", "break each rule of coherence in a copy of the sources; a check must notice", Run::Plain(mutate::run)),
    (
        "prove",
        "run the checks of coherence for as long as the guide's figures took, and print those",
        Run::Plain(prove::run),
    ),
    (
        "faults",
        "run the tests of faults at full length, and print what was promised and measured",
        Run::Plain(faults::run),
    ),
    (
        "soak",
        "run a fleet under random faults, and judge all it does (--minutes 10 --seed 17 --topology single|cluster|sentinel|all)",
        Run::With(soak::run),
    ),
    ("help", "show this list", Run::Plain(help)),
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
    let [name, rest @ ..] = arguments else { return help() };
    let Some((_, _, run)) = COMMANDS.iter().find(|(known, ..)| known == name) else {
        return Err(format!("no command `{name}`\n\n{}", list()));
    };
    match run {
        Run::With(run) => run(rest),
        Run::Plain(run) if rest.is_empty() => run(),
        Run::Plain(_) => Err(format!("`{name}` takes no arguments, but got `{}`\n\n{}", rest.join(" "), list())),
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
