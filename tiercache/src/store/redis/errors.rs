//! What Redis's errors mean to a cache.

use redis::{ErrorKind as RedisKind, RedisError, ServerErrorKind};

use crate::error::{Error, ErrorKind};

/// Redis's error as ours: what it means to a cache.
pub(super) fn translate(error: RedisError) -> Error {
    let kind = match error.kind() {
        RedisKind::AuthenticationFailed | RedisKind::Server(ServerErrorKind::NoPerm) => ErrorKind::Refused,
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
        Some(code) => format!("Redis answered {code}"),
        None => format!("Redis: {}", error.category()),
    };
    Error::new(kind, text).with_source(error)
}

fn by_code(code: Option<&str>) -> ErrorKind {
    match code {
        Some("WRONGTYPE") => ErrorKind::WrongType,
        Some("NOAUTH" | "WRONGPASS" | "NOPERM") => ErrorKind::Refused,
        Some("OOM") => ErrorKind::OutOfMemory,
        Some("BUSY" | "MISCONF" | "LOADING" | "NOREPLICAS") => ErrorKind::Overloaded,
        _ => ErrorKind::Protocol,
    }
}
