//! Certificates for servers that speak TLS, and for who calls them.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::server::FREE;

/// An authority, and what it has signed; the files go with it.
#[derive(Debug)]
pub struct Authority {
    /// Its own certificate.
    pub pem: String,
    /// The certificate of a client, and its key.
    pub client: (String, String),
    files: TempDir,
}

impl Authority {
    /// A new one, and certificates for a server on this machine and for a client.
    pub fn new() -> Self {
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_key = key();
        let pem = root.self_signed(&root_key).expect("its own key fits it").pem();
        let issuer = Issuer::new(root, root_key);
        let signed = |name: &str, hosts: &[&str]| {
            let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
            let mut params = CertificateParams::new(hosts).expect("names of hosts");
            // OpenSSL takes one with its issuer's name for self-signed.
            params.distinguished_name.push(DnType::CommonName, name);
            let key = key();
            (params.signed_by(&key, &issuer).expect("the issuer can sign").pem(), key.serialize_pem())
        };
        let server = signed("server", &["localhost", "127.0.0.1"]);
        let client = signed("service", &["service"]);
        let files = TempDir::new().expect("the temporary directory is writable");
        for (name, text) in [("root.pem", &pem), ("server.pem", &server.0), ("server.key", &server.1)] {
            std::fs::write(files.path().join(name), text).expect("its own directory is writable");
        }
        Self { pem, client, files }
    }

    /// What makes a server speak TLS on a port of its own, beside the other one; and ask for the certificates of `clients` (`yes`, `no`).
    pub fn arguments(&self, clients: &str) -> Vec<String> {
        let file = |name| self.files.path().join(name).to_string_lossy().into_owned();
        let files = [("cert-file", "server.pem"), ("key-file", "server.key"), ("ca-cert-file", "root.pem")];
        let files = files.into_iter().flat_map(|(option, name)| [format!("--tls-{option}"), file(name)]);
        let others = ["--tls-port", FREE, "--tls-auth-clients", clients].map(str::to_owned);
        others.into_iter().chain(files).collect()
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("the machine has chance to give")
}
