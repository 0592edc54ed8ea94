//! What Redis does in one step.

use redis::{RedisError, Script, ServerErrorKind, Value};

pub(super) const SWAP: &str = include_str!("swap.lua");

/// Scripts go by their hash; a server that does not know one is sent it.
pub(super) struct Scripts {
    pub(super) stamp: Script,
    pub(super) claim: Script,
    pub(super) swap: Script,
    pub(super) commit: Script,
    pub(super) extend: Script,
    pub(super) release: Script,
    pub(super) write_many: Script,
    pub(super) invalidate: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            stamp: Script::new(include_str!("stamp.lua")),
            claim: Script::new(include_str!("claim.lua")),
            swap: Script::new(SWAP),
            commit: Script::new(include_str!("commit.lua")),
            extend: Script::new(include_str!("extend.lua")),
            release: Script::new(include_str!("release.lua")),
            write_many: Script::new(include_str!("write_many.lua")),
            invalidate: Script::new(include_str!("invalidate.lua")),
        }
    }
}

/// Whether the server was called by a hash that it does not know.
pub(super) fn is_unknown(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if RedisError::from(error.clone()).kind() == ServerErrorKind::NoScript.into())
}
