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
    /// Paths: of the authority's and the server's certificates, and of the server's key.
    root: String,
    certificate: String,
    key: String,
    /// A client's certificate and key.
    client: (String, String),
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
    let client_key = rcgen::KeyPair::generate().unwrap();
    let mut client = rcgen::CertificateParams::new(vec!["service".to_owned()]).unwrap();
    // OpenSSL takes one with its issuer's name for self-signed.
    client.distinguished_name.push(rcgen::DnType::CommonName, "service");
    let client = (client.signed_by(&client_key, &issuer).unwrap().pem(), client_key.serialize_pem());
    Authority { root: write("root.pem", &pem), pem, certificate, key, client }
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

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_it() {
    let directory = tempfile::tempdir().unwrap();
    let authority = authority(directory.path());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let files = ["--tls-cert-file", &authority.certificate, "--tls-key-file", &authority.key];
    let clients = ["--tls-auth-clients", "yes", "--tls-ca-cert-file", &authority.root];
    let _server = RedisServer::start_with(&[&["--tls-port", &port][..], &files, &clients].concat()).await;
    let anonymous = || {
        let redis = Redis::new(format!("rediss://localhost:{port}")).unwrap();
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
    let directory = tempfile::tempdir().unwrap();
    let (certificate, _) = authority(directory.path()).client;
    let error = Redis::new("rediss://localhost").unwrap().client_certificate(certificate, "s3cret").unwrap_err();
    assert_eq!(error.kind(), tiercache::ErrorKind::Config);
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

#[test]
fn a_certificate_that_is_none_is_refused() {
    let error = Redis::new("rediss://localhost").unwrap().root_certificate("hello").unwrap_err();
    assert_eq!(error.kind(), tiercache::ErrorKind::Config);
}
