//! `rediss://`.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use tiercache::{Cache, CallExt, L2Health, Redis, Source, cached};
use tiercache_tests::RedisServer;

#[cached(prefix = "user")]
async fn find(id: u64) -> u64 {
    id
}

struct Authority {
    pem: String,
    certificate: String,
    key: String,
}

/// An authority, and a server's certificate that it has signed.
fn authority(directory: &Path) -> Authority {
    let (root_key, server_key) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
    let mut root = rcgen::CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = root.self_signed(&root_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(root, root_key);
    let server = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let server = server.signed_by(&server_key, &issuer).unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    };
    let (certificate, key) = (write("server.pem", &server.pem()), write("server.key", &server_key.serialize_pem()));
    Authority { pem, certificate, key }
}

async fn at(redis: Redis) -> Cache {
    let redis = redis.connect_timeout(Duration::from_secs(10));
    Cache::builder().l2(redis).l2_deadline(Duration::from_secs(10)).build().await.unwrap()
}

#[tokio::test]
async fn a_server_is_reached_by_tls_and_only_if_it_is_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let authority = authority(directory.path());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let arguments = ["--tls-port", &port, "--tls-auth-clients", "no", "--tls-cert-file", &authority.certificate];
    let arguments =
        [&arguments[..], &["--tls-key-file", &authority.key, "--tls-ca-cert-file", &authority.certificate]].concat();
    let _server = RedisServer::start_with(&arguments).await;
    let url = format!("rediss://localhost:{port}");

    let trusting = || Redis::new(&url).unwrap().root_certificate(authority.pem.clone()).unwrap();
    let (one, two) = (at(trusting()).await, at(trusting()).await);
    one.scope(find(1)).await;
    assert_eq!(two.scope(find(1).with_outcome()).await.1.unwrap().source(), Source::L2);

    let doubting = at(Redis::new(&url).unwrap()).await;
    assert_eq!(doubting.scope(find(1)).await, 1);
    assert!(!matches!(doubting.health().await.l2, L2Health::Up { .. }));
}

#[test]
fn a_certificate_that_is_none_is_refused() {
    let error = Redis::new("rediss://localhost").unwrap().root_certificate("hello").unwrap_err();
    assert_eq!(error.kind(), tiercache::ErrorKind::Config);
}
