//! A permission that is missing takes away what needs it, and nothing else.

use std::time::{Duration, Instant};

use tiercache::{Cache, CallExt, ErrorKind, L2Health, Redis, Source};
use tiercache_tests::{Calls, RedisServer, eventually};

use super::breaker::{quick, quick_entry, unhurried};
use super::table::FORBIDDEN;
use super::{ALONE, measured};

/// A server, one instance that may do all but some commands, and one that may do everything.
struct Limited {
    server: RedisServer,
    one: Cache,
    two: Cache,
    begun: Instant,
}

impl Limited {
    async fn without(commands: &[&str]) -> Self {
        let (begun, server) = (Instant::now(), RedisServer::start().await);
        permit(&server, &["reset", "on", ">secret", "~*", "&*", "+@all"]).await;
        permit(&server, commands).await;
        let limited = Redis::new(format!("redis://limited:secret@127.0.0.1:{}", server.port())).unwrap();
        let one = Cache::builder().l2(limited).l2_deadline(Duration::from_secs(20));
        let one = one.l2_breaker_max(Duration::from_secs(1)).build().await.unwrap();
        let two = unhurried(&server.url()).await;
        Self { server, one, two, begun }
    }

    /// How `one` answers.
    async fn source(&self, id: u64) -> Source {
        self.one.clear_l1();
        self.one.scope(quick(id, &Calls::new()).with_outcome()).await.1.unwrap().source()
    }

    async fn said(&self) -> String {
        match self.one.health().await.l2 {
            L2Health::Misconfigured { error, .. } => error,
            other => panic!("{other:?}"),
        }
    }

    fn refusals(&self) -> u64 {
        self.one.stats().l2_errors.get("forbidden").copied().unwrap_or(0)
    }

    /// At once, and then about once a second: by callers, and by the heartbeat.
    fn asks_seldom(&self) {
        let most = 6 + 2 * self.begun.elapsed().as_secs();
        assert!(self.refusals() <= most, "{} of {most}", self.refusals());
    }
}

async fn permit(server: &RedisServer, rules: &[&str]) {
    let mut connection = server.connection().await;
    redis::cmd("ACL").arg("SETUSER").arg("limited").arg(rules).exec_async(&mut connection).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalidations_that_are_not_permitted_stay_pending_and_the_rest_goes_on() {
    let _alone = ALONE.lock().await;
    let limited = Limited::without(&["-xadd"]).await;
    let Limited { server, one, two, .. } = &limited;
    for id in 0..10 {
        two.scope(quick(id, &Calls::new())).await;
    }
    let begun = Instant::now();
    let error = one.scope(async { quick_entry(0).invalidate().await }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Pending, "{error}");
    // By its script it is removed in Redis, but the others have not heard of it; another instance stores it anew.
    two.clear_l1();
    two.scope(quick(0, &Calls::new())).await;
    let mut calls = 0;
    while begun.elapsed() < Duration::from_secs(2) {
        assert_eq!(limited.source(0).await, Source::Loader, "what is pending is not read");
        assert_eq!(limited.source(1 + calls % 9).await, Source::L2, "the rest is");
        assert_eq!(
            one.scope(async { quick_entry(0).invalidate().await }).await.unwrap_err().kind(),
            ErrorKind::Pending
        );
        calls += 1;
    }
    let health = one.health().await;
    assert!(!health.is_good() && health.pending_invalidations == 1, "{health:?}");
    let said = limited.said().await;
    assert!(said.contains("invalidations") && said.contains("`xadd`") && said.contains("guide"), "{said}");
    assert_eq!(one.stats().l2.breaker_opened, 0);
    limited.asks_seldom();
    measured(FORBIDDEN, format!("XADD: {calls} reads of Redis went on, {} attempts in 2 s", limited.refusals()));
    permit(server, &["+xadd"]).await;
    eventually(async || one.health().await.is_good(), Duration::from_secs(10)).await;
    assert_eq!(limited.source(1).await, Source::L2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_that_are_not_permitted_are_skipped_and_reads_and_invalidations_go_on() {
    let _alone = ALONE.lock().await;
    let limited = Limited::without(&["-set"]).await;
    let Limited { server, one, two, .. } = &limited;
    two.scope(quick(0, &Calls::new())).await;
    for id in 1..100 {
        assert_eq!(limited.source(id).await, Source::Loader);
    }
    assert_eq!(limited.source(0).await, Source::L2);
    one.scope(async { quick_entry(0).invalidate().await }).await.expect("it may be told");
    assert_eq!(limited.source(0).await, Source::Loader);
    assert!(limited.said().await.contains("loaded values"), "{}", limited.said().await);
    limited.asks_seldom();
    assert!(one.stats().total.store_failures >= 99, "{:?}", one.stats());
    permit(server, &["+set"]).await;
    let stored = async || {
        limited.source(7).await;
        one.health().await.is_good()
    };
    eventually(stored, Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_that_are_not_permitted_are_an_outage_of_reads_alone() {
    let _alone = ALONE.lock().await;
    let limited = Limited::without(&["-get"]).await;
    let Limited { server, one, two, .. } = &limited;
    two.scope(quick(0, &Calls::new())).await;
    for _ in 0..100 {
        assert_eq!(limited.source(0).await, Source::Loader);
    }
    one.scope(async { quick_entry(0).invalidate().await }).await.expect("it may be told");
    // It was removed in Redis; and heard of, be it a little later.
    let loads = async || {
        let (_, outcome) = two.scope(quick(0, &Calls::new()).with_outcome()).await;
        outcome.is_some_and(|outcome| outcome.source() == Source::Loader)
    };
    eventually(loads, Duration::from_secs(10)).await;
    let said = limited.said().await;
    assert!(said.contains("reads") && said.contains("`get`") && !said.contains("secret"), "{said}");
    limited.asks_seldom();
    permit(server, &["+get"]).await;
    eventually(async || limited.source(0).await == Source::L2, Duration::from_secs(10)).await;
}
