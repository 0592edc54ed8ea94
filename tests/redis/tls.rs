//! `rediss://`.

use std::time::Duration;

use tiercache::{Cache, CallExt, L2Health, Redis, Source, cached};
use tiercache_tests::{Authority, RedisServer};

#[cached(prefix = "user")]
async fn find(id: u64) -> u64 {
    id
}

async fn at(redis: Redis) -> Cache {
    let redis = redis.connect_timeout(Duration::from_secs(10));
    Cache::builder().l2(redis).l2_deadline(Duration::from_secs(10)).build().await.unwrap()
}

#[tokio::test]
async fn a_server_is_reached_by_tls_and_only_if_it_is_trusted() {
    let authority = Authority::new();
    let server = RedisServer::start_with(&authority.arguments("no")).await;
    let url = format!("rediss://localhost:{}", server.tls_port().unwrap());

    let trusting = || Redis::new(&url).unwrap().root_certificate(authority.pem.clone()).unwrap();
    let (one, two) = (at(trusting()).await, at(trusting()).await);
    one.scope(find(1)).await;
    assert_eq!(two.scope(find(1).with_outcome()).await.1.unwrap().source(), Source::L2);

    let doubting = at(Redis::new(&url).unwrap()).await;
    assert_eq!(doubting.scope(find(1)).await, 1);
    assert!(!matches!(doubting.health().await.l2, L2Health::Up { .. }));
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_it() {
    let authority = Authority::new();
    let server = RedisServer::start_with(&authority.arguments("yes")).await;
    let url = format!("rediss://localhost:{}", server.tls_port().unwrap());
    let anonymous = || {
        let redis = Redis::new(&url).unwrap();
        redis.root_certificate(authority.pem.clone()).unwrap()
    };
    let (certificate, key) = &authority.client;
    let known = || anonymous().client_certificate(certificate.clone(), key.clone()).unwrap();

    let (one, two) = (at(known()).await, at(known()).await);
    one.scope(find(1)).await;
    let health = one.health().await.l2;
    assert!(matches!(health, L2Health::Up { .. }), "{health:?}");
    assert_eq!(two.scope(find(1).with_outcome()).await.1.unwrap().source(), Source::L2);
    let stranger = at(anonymous()).await;
    assert_eq!(stranger.scope(find(1)).await, 1);
    assert!(!matches!(stranger.health().await.l2, L2Health::Up { .. }));
    assert!(!format!("{:?}", known()).contains("PRIVATE"));
}

#[test]
fn a_key_that_is_none_is_refused_and_not_shown() {
    let (certificate, _) = Authority::new().client;
    let error = Redis::new("rediss://localhost").unwrap().client_certificate(certificate, "s3cret").unwrap_err();
    assert_eq!(error.kind(), tiercache::ErrorKind::Config);
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

#[test]
fn a_certificate_that_is_none_is_refused() {
    let error = Redis::new("rediss://localhost").unwrap().root_certificate("hello").unwrap_err();
    assert_eq!(error.kind(), tiercache::ErrorKind::Config);
}
