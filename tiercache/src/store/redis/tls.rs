//! `rediss://` by rustls.

use redis::{Client, ConnectionAddr, TlsCertificates};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::{Redis, bad_url};
use crate::error::{Error, Result};

impl Redis {
    /// Trusts servers whose certificate is signed by the authority in `pem`, instead of those that the platform trusts.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Config` if it is no PEM certificate.
    pub fn root_certificate(self, pem: impl Into<Vec<u8>>) -> Result<Self> {
        let pem = pem.into();
        if CertificateDer::pem_slice_iter(&pem).next().is_none_or(|first| first.is_err()) {
            return Err(Error::config(
                "this is no root certificate: give one in PEM, `-----BEGIN CERTIFICATE-----` and on",
            ));
        }
        let certificates = TlsCertificates { client_tls: None, root_cert: Some(pem) };
        let client = Client::build_with_tls(self.info().clone(), certificates).map_err(bad_url)?;
        Ok(Self { client, ..self })
    }
}

/// Gives rustls its cryptography, unless the program has chosen one.
pub(super) fn prepare(address: &ConnectionAddr) {
    if matches!(address, ConnectionAddr::TcpTls { .. }) && CryptoProvider::get_default().is_none() {
        // Another thread may have been faster: then there is one.
        let _ = ring::default_provider().install_default();
    }
}
