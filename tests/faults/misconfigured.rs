//! A Redis that will not have us: calls answer, a person is told once what to do, and nobody is told the password.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use tiercache::{Cache, L2Health, Redis};
use tiercache_tests::{Calls, Proxy, RedisServer, eventually};
use tokio::time::sleep;

use super::apart::{self, Logs};
use super::breaker::quick;
use super::table::{NO_PASSWORD, REFUSED, TLS_MISMATCH};
use super::{ABOUT_ONCE, at_length, measured};

const TEST: &str = "misconfigured::who_may_not_use_redis_is_told_why_and_asks_seldom";
const PASSWORD: &str = "s3cret-of-the-test";
const SOON: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_use_redis_is_told_why_and_asks_seldom() {
    if let Some(case) = apart::case() {
        return one(&case).await;
    }
    let cases = ["wrong password", "no password", "tls to plain", "plain to tls", "unknown authority"];
    let results = apart::each(TEST, cases).await.map(|printed| {
        let result = printed.lines().find_map(|line| Some(line.split_once(RESULT)?.1.to_owned()));
        result.expect("each case ends with its result")
    });
    let [wrong, no, tls, plain, unknown] = results;
    measured(REFUSED, wrong);
    measured(NO_PASSWORD, no);
    measured(TLS_MISMATCH, format!("TLS to none: {tls}. None to TLS: {plain}. Authority: {unknown}"));
}

/// What the line with the result of a case begins with.
const RESULT: &str = "result| ";

async fn one(case: &str) {
    let logs = Logs::collect();
    let directory = tempfile::tempdir().unwrap();
    let (server, port) = server(directory.path()).await;
    let proxy =
        Proxy::start(if matches!(case, "plain to tls" | "unknown authority") { port } else { server.port() }).await;
    let (plain, tls) = (format!("127.0.0.1:{}", proxy.port()), format!("localhost:{}", proxy.port()));
    let (url, cure) = match case {
        "wrong password" => (format!("redis://:{PASSWORD}@{plain}"), "correct them"),
        "no password" => (format!("redis://{plain}"), "redis://[user]:password@host"),
        "tls to plain" => (format!("rediss://:{PASSWORD}@{tls}"), "write redis:// instead of rediss://"),
        "plain to tls" => (format!("redis://:{PASSWORD}@{plain}"), "write rediss:// instead of redis://"),
        _ => (format!("rediss://:{PASSWORD}@{tls}"), "`root_certificate`"),
    };
    let (begun, window) = (Instant::now(), Duration::from_secs(at_length(3, 10)));
    let cache = Cache::builder().l2(Redis::new(&url).unwrap()).build().await.unwrap();
    let runs = Calls::new();
    let misconfigured = async || matches!(cache.health().await.l2, L2Health::Misconfigured { .. });
    eventually(misconfigured, SOON).await;
    let mut calls = 0;
    while begun.elapsed() < window {
        calls += 1;
        assert_eq!(cache.scope(quick(calls, &runs)).await, calls);
        let health = cache.health().await;
        assert!(matches!(&health.l2, L2Health::Misconfigured { error, .. } if error.contains(cure)), "{health:?}");
        assert!(!format!("{health:?}").contains(PASSWORD));
        sleep(Duration::from_millis(5)).await;
    }
    let (attempts, lines) = (proxy.accepted(), logs.lines());
    assert!(attempts <= 10, "{attempts} attempts in {window:?}");
    assert!((1..=ABOUT_ONCE).contains(&lines.len()), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains(cure)), "{lines:#?}");
    assert!(!logs.text().contains(PASSWORD), "{}", logs.text());
    assert!(!format!("{:?} {cache:?}", cache.stats()).contains(PASSWORD));
    let (lines, seconds) = (lines.len(), window.as_secs());
    println!("{RESULT}{calls} calls, {attempts} attempts in {seconds} s, {lines} log lines");
}

/// A server that asks for a password, and its port of TLS. Its certificate is known to nobody.
async fn server(directory: &Path) -> (RedisServer, u16) {
    let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let write = |name: &str, text: String| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    };
    let (file, key) = (write("cert", certificate.cert.pem()), write("key", certificate.signing_key.serialize_pem()));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let tls = ["--tls-port", &port.to_string(), "--tls-auth-clients", "no", "--tls-cert-file", &file];
    let tls = [&tls[..], &["--tls-key-file", &key, "--tls-ca-cert-file", &file, "--requirepass", "right"]].concat();
    (RedisServer::start_with(&tls).await, port)
}
