//! Runs programs, and says which and how long they took.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Errors are texts for the person at the terminal.
pub(crate) type Result<T = ()> = std::result::Result<T, String>;

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the workspace")
}

/// The cargo that runs this program, in the workspace's root.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs a command with its output on the terminal; an error if it fails.
pub(crate) fn step(command: &mut Command) -> Result {
    let shown = show(command);
    println!("==> {shown}");
    let begun = Instant::now();
    let status = command.status().map_err(|error| format!("`{shown}` cannot be started: {error}"))?;
    let seconds = begun.elapsed().as_secs_f32();
    if status.success() {
        println!("==> ok, {seconds:.1} s\n");
        Ok(())
    } else {
        Err(format!("`{shown}` failed after {seconds:.1} s: {status}"))
    }
}

/// Runs a command and returns what it printed; an error, with what it complained about, if it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command.output().map_err(|error| format!("`{shown}` cannot be started: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("`{shown}` failed: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }
}

/// Where `program` is, if it is on PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The command as one would type it.
pub(crate) fn show(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let set = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let set = set.map(|(name, value)| format!("{}={}", name.display(), quoted(value)));
    let words = std::iter::once(program).chain(command.get_args()).map(quoted);
    set.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.is_empty() || word.contains(char::is_whitespace) { format!("'{word}'") } else { word.into_owned() }
}

#[test]
fn a_command_is_shown_as_one_would_type_it() {
    let mut command = Command::new("/usr/bin/cargo");
    command.args(["test", "--features", ""]).env("RUSTDOCFLAGS", "-D warnings");
    assert_eq!(show(&command), "RUSTDOCFLAGS='-D warnings' cargo test --features ''");
}

#[test]
fn a_failing_step_is_an_error() {
    assert!(step(&mut cargo(["no-such-command"])).is_err());
    assert!(step(&mut cargo(["--version"])).is_ok());
    assert!(step(&mut Command::new("no-such-program")).is_err());
}
