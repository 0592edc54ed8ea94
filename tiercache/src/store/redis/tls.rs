//! `rediss://` by rustls.

use redis::{Client, ClientTlsConfig, ConnectionAddr, TlsCertificates};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Redis, bad_url};
use crate::error::{Error, Result};

/// Whom we trust, and who we are; PEM, checked.
#[derive(Clone, Default)]
pub(super) struct Certificates {
    root: Option<Vec<u8>>,
    client: Option<ClientTlsConfig>,
}

impl Redis {
    /// Trusts servers whose certificate is signed by the authority in `pem`, instead of those that the platform trusts.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Config` if it is no PEM certificate, or the URL is not one of TLS.
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Result<Self> {
        let pem = pem.into();
        check_certificate(&pem, "root certificate")?;
        self.certificates.root = Some(pem);
        self.certified()
    }

    /// Shows servers (and sentinels) that ask for one this certificate, with its private key; a chain begins with the client's own.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Config` if they are no PEM certificate and key, or the URL is not one of TLS. The text never shows the key.
    pub fn client_certificate(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Result<Self> {
        let (client_cert, client_key) = (certificate.into(), key.into());
        check_certificate(&client_cert, "client certificate")?;
        if PrivateKeyDer::from_pem_slice(&client_key).is_err() {
            return Err(Error::config("this is no private key: give one in PEM, `-----BEGIN PRIVATE KEY-----` and on"));
        }
        self.certificates.client = Some(ClientTlsConfig { client_cert, client_key });
        self.certified()
    }

    fn certified(self) -> Result<Self> {
        let Certificates { root, client } = self.certificates.clone();
        let certificates = TlsCertificates { client_tls: client, root_cert: root };
        let target = self.target.try_map(|info| {
            let client = Client::build_with_tls(info, certificates.clone()).map_err(bad_url)?;
            Ok(client.get_connection_info().clone())
        })?;
        Ok(Self { target, ..self })
    }
}

fn check_certificate(pem: &[u8], what: &str) -> Result<()> {
    match CertificateDer::pem_slice_iter(pem).next() {
        Some(Ok(_)) => Ok(()),
        _ => Err(Error::config(format!("this is no {what}: give one in PEM, `-----BEGIN CERTIFICATE-----` and on"))),
    }
}

/// Gives rustls its cryptography, unless the program has chosen one.
pub(super) fn prepare(address: &ConnectionAddr) {
    if matches!(address, ConnectionAddr::TcpTls { .. }) && CryptoProvider::get_default().is_none() {
        // Another thread may have been faster: then there is one.
        let _ = ring::default_provider().install_default();
    }
}
