//! What Redis's errors mean to a cache.

use redis::{ErrorKind as RedisKind, RedisError, ServerErrorKind};

use crate::error::{Error, ErrorKind};

const NO_LOGIN: &str = "Redis asks for a password: write redis://[user]:password@host in its URL";
const WRONG_LOGIN: &str =
    "Redis does not know the user or password in its URL: correct them there, or permit them in Redis";

/// Redis's error as ours: what it means to a cache.
pub(super) fn translate(error: RedisError) -> Error {
    let kind = match error.kind() {
        _ if is_forbidden(&error) => return forbidden(error),
        RedisKind::AuthenticationFailed => ErrorKind::Refused,
        RedisKind::Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ReadOnly
            | ServerErrorKind::TryAgain,
        ) => ErrorKind::Overloaded,
        RedisKind::Io => ErrorKind::Unavailable,
        _ if error.is_io_error() || error.is_connection_dropped() => ErrorKind::Unavailable,
        _ => by_code(error.code()),
    };
    let text = match error.code() {
        Some("NOAUTH") => NO_LOGIN.to_owned(),
        Some("WRONGPASS") => WRONG_LOGIN.to_owned(),
        None if error.kind() == RedisKind::AuthenticationFailed => WRONG_LOGIN.to_owned(),
        Some(code) => format!("Redis answered {code}"),
        None => format!("Redis: {}", error.category()),
    };
    Error::new(kind, text).with_source(error)
}

/// The same of what comes before any operation: an L2 that does not permit that cannot be used at all.
pub(super) fn translate_first(error: RedisError) -> Error {
    let error = translate(error);
    match error.kind() {
        ErrorKind::Forbidden => Error::new(ErrorKind::Refused, error.to_string()).with_source(error),
        _ => error,
    }
}

/// Redis 7.0 does not say `NOPERM` of a command in a script.
fn is_forbidden(error: &RedisError) -> bool {
    let in_script = || error.detail().is_some_and(|detail| detail.starts_with("The user executing the script can't"));
    error.kind() == RedisKind::Server(ServerErrorKind::NoPerm) || error.code() == Some("NOPERM") || in_script()
}

fn forbidden(error: RedisError) -> Error {
    let named = error.detail().and_then(command).map(|command| format!("for the command `{command}`"));
    let of_channel = error.detail().is_some_and(|detail| detail.contains("one of the channels"));
    let other = if of_channel { "for the channel of the bus" } else { "for a command of a script, or for a key" };
    let what = named.unwrap_or_else(|| other.to_owned());
    let text = format!("Redis gives our user no permission {what}: the guide on Redis lists those that it needs");
    Error::new(ErrorKind::Forbidden, text).with_source(error)
}

/// The command that Redis names, and nothing that it may have been given.
fn command(detail: &str) -> Option<&str> {
    let (_, rest) = detail.split_once("to run the '")?;
    let (command, _) = rest.split_once('\'')?;
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '|' | '-' | '_');
    (command.len() <= 32 && command.chars().all(is_name)).then_some(command)
}

fn by_code(code: Option<&str>) -> ErrorKind {
    match code {
        Some("WRONGTYPE") => ErrorKind::WrongType,
        Some("NOAUTH" | "WRONGPASS") => ErrorKind::Refused,
        Some("OOM") => ErrorKind::OutOfMemory,
        Some("BUSY" | "MISCONF" | "LOADING" | "NOREPLICAS") => ErrorKind::Overloaded,
        _ => ErrorKind::Protocol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_named_and_nothing_else() {
        for (detail, named) in [
            ("this user has no permissions to run the 'xadd' command", Some("xadd")),
            ("User shop has no permissions to run the 'cluster|slots' command", Some("cluster|slots")),
            ("ACL failure in script: User shop has no permissions to run the 'get' command script: 0a", Some("get")),
            ("this user has no permissions to access one of the keys used as arguments", None),
            ("The user executing the script can't run this command or subcommand", None),
            ("to run the 'a secret' command", None),
        ] {
            assert_eq!(command(detail), named, "{detail}");
        }
    }
}
