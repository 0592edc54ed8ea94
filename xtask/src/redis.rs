//! Finds `redis-server`, or installs it.

use std::process::{Command, Stdio};

use crate::run::{Result, find, output, step};

const SERVER: &str = "redis-server";

/// A `redis-server` is on PATH when this returns: a missing one fails the tests, it does not skip them.
pub(crate) fn ensure() -> Result {
    if find(SERVER).is_none() {
        println!("no {SERVER} on PATH; installing it\n");
        install()?;
    }
    let found = find(SERVER).ok_or_else(|| format!("{SERVER} was installed, but is not on PATH"))?;
    println!("{}: {}", found.display(), output(Command::new(&found).arg("--version"))?.trim());
    Ok(())
}

fn install() -> Result {
    if find("apt-get").is_some()
        && let Some(rights) = rights_of_root()
    {
        step(&mut apt_get(rights, &["update"]))?;
        return step(&mut apt_get(rights, &["install", "--yes", "--no-install-recommends", SERVER]));
    }
    if find("brew").is_some() {
        return step(Command::new("brew").args(["install", "redis"]));
    }
    Err(format!(
        "the tests need {SERVER} (7 or later), and this machine has no package manager that can be used unasked. \
         Install it, then run this again:\n  \
         Debian, Ubuntu: sudo apt-get install redis-server\n  \
         macOS:          brew install redis\n  \
         Fedora:         sudo dnf install redis\n  \
         Alpine:         apk add redis\n  \
         from source:    https://redis.io/docs/latest/operate/oss_and_stack/install/"
    ))
}

/// What to put before a command that needs root: nothing for root itself, sudo where it asks for no password.
fn rights_of_root() -> Option<&'static [&'static str]> {
    let is_root = output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if is_root {
        return Some(&[]);
    }
    let asked = Command::new("sudo").args(["-n", "true"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success()).then_some(&["sudo", "-n"])
}

fn apt_get(rights: &[&str], arguments: &[&str]) -> Command {
    // sudo drops the environment, so `env` sets it. Run level 1 keeps the package from starting a service, where
    // invoke-rc.d decides that; a started one would do no harm: the tests use ports of their own.
    let words = [rights, &["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"], arguments].concat();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

#[test]
fn apt_is_called_as_root_without_questions() {
    let shown = format!("{:?}", apt_get(&["sudo", "-n"], &["update"]));
    assert_eq!(shown, r#""sudo" "-n" "env" "DEBIAN_FRONTEND=noninteractive" "RUNLEVEL=1" "apt-get" "update""#);
}
