//! The faults of Redis and of its callers, and what is promised for each. The tests of this folder measure those of one Redis and of
//! callers, those of `cluster` those of a Redis of several servers; and `cargo xtask faults`, which includes this file, prints them with
//! what was measured: a row that nobody measured is a failure.

/// A fault, what is seen of it, and what is promised.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What happens.
    pub fault: &'static str,
    /// What a client sees of it.
    pub seen: &'static str,
    /// What holds even so.
    pub promise: &'static str,
}

macro_rules! rows {
    ($($name:ident: $fault:literal, $seen:literal, $promise:literal;)*) => {
        $(#[doc = $fault] pub const $name: Row = Row { fault: $fault, seen: $seen, promise: $promise };)*

        /// All of them, in the order in which they are shown.
        pub const ALL: &[Row] = &[$($name),*];
    };
}

rows! {
    ABSENT: "Redis absent at start", "connection refused", "calls answer; ≤ 3 log lines; used ≤ 2 s after it appears";
    KILLED: "killed and started again under 500 calls/s", "resets", "0 errors; p99 ≤ body + 150 ms; recovers ≤ 2 s";
    HUNG: "hung, and going on", "silence", "p99 ≤ body + deadline + 20 ms; recovers ≤ 2 s";
    SLOW: "5 s latency", "deadline", "first calls ≤ body + deadline; later ones + < 5 ms";
    LATE: "replies about as late as the deadline", "deadline", "a late reply is never taken for another key's";
    BLACK_HOLE: "black hole", "silence", "1,000 calls cost less than one deadline; recovers ≤ 2 s";
    SILENT: "half-open connection", "silence", "the connection is replaced; recovers ≤ 2 s";
    CUT: "reply cut after any byte", "parse error", "a miss";
    FLIPPED_REPLY: "one bit flipped on the wire", "parse error, checksum", "no wrong value; recovers ≤ 2 s";
    SLICED: "replies in pieces of 1 to 7 bytes", "partial reads", "as whole";
    INJECTED: "bytes put before a reply", "parse error, other key", "no wrong value; recovers ≤ 2 s";
    DUPLICATED: "replies sent twice", "other key", "no wrong value; recovers ≤ 2 s";
    FLIPPED: "a stored value flipped, truncated, extended", "checksum", "a counted miss, overwritten";
    HOSTILE: "hostile bytes under a good checksum", "decode error", "a miss; allocation bounded by the input, whatever it declares";
    FOREIGN: "envelope of another key, function, type, version, namespace", "key hash, print", "a miss";
    WRONG_TYPE: "another type at the key", "WRONGTYPE", "a miss, overwritten";
    OUT_OF_MEMORY: "OOM", "write errors", "reads and invalidations go on; stores skipped and counted";
    LOADING: "loading its dump", "LOADING", "0 errors; recovers ≤ 2 s";
    BUSY: "an endless script", "silence, then BUSY", "0 errors; recovers ≤ 2 s";
    READ_ONLY: "became a replica", "READONLY", "0 errors; recovers ≤ 2 s";
    MASTER_DOWN: "a replica that has lost its primary", "MASTERDOWN", "0 errors; recovers ≤ 2 s";
    REFUSED: "wrong password", "WRONGPASS", "calls answer; health says so; ≤ 10 attempts in 10 s; ≤ 3 log lines";
    NO_PASSWORD: "no password where one is asked for", "NOAUTH", "calls answer; health says so; ≤ 10 attempts in 10 s; ≤ 3 log lines";
    TLS_MISMATCH: "TLS where there is none, none where there is, unknown authority", "a silent hang, a reset, an error", "calls answer; health says so; ≤ 10 attempts in 10 s; ≤ 3 log lines";
    FORBIDDEN: "no permission for one command", "NOPERM", "the rest goes on; health names it; ≤ 10 attempts in 10 s";
    FLUSHED: "FLUSHALL under load", "absent keys", "nothing invalidated comes back";
    EVICTED: "eviction of any key of ours under load", "absent keys", "nothing invalidated comes back";
    BUS_KILLED: "bus connection killed", "resets", "staleness < 2 s";
    BUS_SILENT: "bus connection silent", "silence", "staleness < 2 s";
    BUS_SLOW: "bus connection 1 s late", "lag", "staleness < 2 s";
    FLOODED: "bus and log flooded", "backlog", "staleness < 2 s; memory bounded";
    FORGED: "garbage on the bus and in the log", "version, size", "ignored or heeded as everything; news go on";
    CUT_OFF: "cut off from Redis altogether", "breaker open", "one load a key and `degraded_l1_ttl`";
    PENDING: "invalidated while Redis is down", "`ErrorKind::Pending`", "told before Redis is read again";
    SENTINEL_PLANNED: "Sentinel: a planned failover under 500 calls/s", "resets, READONLY", "0 errors; p99 ≤ body + 150 ms; followed ≤ 2 s";
    SENTINEL_KILLED: "Sentinel: primary killed under 500 calls/s", "resets, then nobody", "0 errors; p99 ≤ body + 150 ms; followed ≤ 2 s";
    SENTINEL_SILENT: "Sentinel: primary hung under 500 calls/s, and going on after it was replaced", "silence, two primaries", "0 errors; p99 ≤ body + 150 ms; followed ≤ 2 s; never gone back to";
    SPLIT_BRAIN: "Sentinel: deposed primary goes on answering under 500 calls/s", "two primaries, lost invalidations", "0 errors; left ≤ 2 s; what it alone acknowledged is redone";
    CLUSTER_PLANNED: "Cluster: a planned failover under 500 calls/s", "MOVED, READONLY", "0 errors; p99 ≤ body + 150 ms; followed ≤ 2 s";
    CLUSTER_KILLED: "Cluster: a primary killed under 500 calls/s", "resets, then nobody", "0 errors; p99 ≤ body + 150 ms; other slots do not notice; followed ≤ 2 s";
    CLUSTER_SILENT: "Cluster: a primary hung under 500 calls/s", "silence", "0 errors; p99 ≤ body + 150 ms; other slots do not notice; followed ≤ 2 s";
    CLUSTER_LOST: "Cluster: a primary dies with removals that only it had", "lost invalidations", "redone by any instance";
    CLUSTER_RESTARTED: "Cluster: a primary started again from an old dump", "resets, CLUSTERDOWN, lost invalidations", "redone ≤ 2 s after it serves again";
    SLOTS_MOVED: "Cluster: slots move under 500 calls/s", "ASK, MOVED; TRYAGAIN never, as no command has two keys", "0 errors; p99 ≤ body + 150 ms; L2 is used all the way";
    CLUSTER_DOWN: "Cluster: a primary and its replica killed under 500 calls/s", "nobody, CLUSTERDOWN", "0 errors; p99 ≤ body + 150 ms; other slots do not notice; recovers ≤ 2 s";
    CANCELLED: "callers dropped at random", "dropped futures", "every value is its key's; nothing leaks";
    PANICS: "body panics", "panic", "waiters get an answer; nothing stored; next call fine";
    HANGS: "body hangs", "silence", "waiters answer within `wait_limit`";
    VALUE_PANICS: "Clone, Serialize, Drop of the value panic", "panic", "everybody ends; next call fine";
    RUNTIME_ENDS: "runtime shut down with loads in flight", "aborted tasks", "no hang; others answer";
    TWO_RUNTIMES: "two runtimes in one process, one thread each", "wakers of both", "one load a key";
    CRASHED: "kill -9 between any two steps", "leases left behind", "no wrong value; leases lapse within 3 s";
    MANY_KEYS: "many distinct keys", "evictions", "L1 within its bound; side tables empty afterwards";
}
