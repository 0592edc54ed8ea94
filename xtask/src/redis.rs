//! Finds `redis-server` or `valkey-server`, or installs it.

use std::process::{Command, Stdio};

use crate::run::{Result, find, output, step};

/// A server that speaks the protocol of Redis, and how one comes by it.
#[derive(Clone, Copy)]
pub(crate) struct Server {
    /// The program, and the package of apt.
    pub(crate) program: &'static str,
    brew: &'static str,
    by_hand: &'static str,
}

const REDIS: Server = Server {
    program: "redis-server",
    brew: "redis",
    by_hand: "Debian, Ubuntu: sudo apt-get install redis-server\n  \
              macOS:          brew install redis\n  \
              Fedora:         sudo dnf install redis\n  \
              Alpine:         apk add redis\n  \
              from source:    https://redis.io/docs/latest/operate/oss_and_stack/install/",
};

pub(crate) const VALKEY: Server = Server {
    program: "valkey-server",
    brew: "valkey",
    by_hand: "Debian 13, Ubuntu 24.04: sudo apt-get install valkey-server\n  \
              Debian 12:               the same, once bookworm-backports is among the sources of apt\n  \
              macOS:                   brew install valkey\n  \
              Fedora:                  sudo dnf install valkey\n  \
              from source:             https://valkey.io/topics/installation/",
};

/// A `redis-server` is on PATH when this returns: a missing one fails the tests, it does not skip them.
pub(crate) fn ensure() -> Result {
    ensure_that(REDIS)
}

/// The same of any server.
pub(crate) fn ensure_that(server: Server) -> Result {
    let name = server.program;
    if find(name).is_none() {
        println!("no {name} on PATH; installing it\n");
        install(server)?;
    }
    let found = find(name).ok_or_else(|| format!("{name} was installed, but is not on PATH"))?;
    println!("{}: {}", found.display(), output(Command::new(&found).arg("--version"))?.trim());
    Ok(())
}

fn install(server: Server) -> Result {
    by_package(server).map_err(|error| {
        let Server { program, by_hand, .. } = server;
        format!("the tests need {program}, and {error}. Install it, then run this again:\n  {by_hand}")
    })
}

fn by_package(server: Server) -> Result {
    if find("apt-get").is_some()
        && let Some(rights) = rights_of_root()
    {
        step(&mut apt_get(rights, &["update"]))?;
        return step(&mut apt_get(rights, &["install", "--yes", "--no-install-recommends", server.program]));
    }
    if find("brew").is_some() {
        return step(Command::new("brew").args(["install", server.brew]));
    }
    Err("this machine has no package manager that can be used unasked".to_owned())
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
