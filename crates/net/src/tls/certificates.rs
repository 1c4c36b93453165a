//! Certificates as files have them: chains, what they say, and the keys that belong to them.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error};

use super::identity::Identity;

/// A chain of certificates, the server's own one first.
pub struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    identity: Identity,
}

impl Certificate {
    /// Reads a PEM file; keys in it are passed over.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(pem: &[u8]) -> Result<Self, String> {
        let chain = chain(pem)?;
        let Some(first) = chain.first() else {
            return Err("no certificate in PEM is in it".to_string());
        };
        let Some(identity) = Identity::of(first) else {
            return Err("its first certificate cannot be read (X.509)".to_string());
        };
        Ok(Self { chain, identity })
    }

    /// What the first one says.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Joins the chain and its key (PKCS #8).
    ///
    /// # Errors
    /// A sentence that says why they do not work together.
    pub fn with_key(self, key: &[u8]) -> Result<Arc<CertifiedKey>, String> {
        let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.to_vec()));
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        match CertifiedKey::from_der(self.chain, der, &provider) {
            Ok(certified) => Ok(Arc::new(certified)),
            Err(Error::InconsistentKeys(_)) => {
                Err("the key does not belong to the certificate".to_string())
            }
            Err(Error::InvalidCertificate(CertificateError::BadEncoding)) => {
                Err("the certificate cannot be read (X.509)".to_string())
            }
            Err(error) => Err(format!("the key cannot be used: {error}")),
        }
    }
}

/// All certificates of a PEM file.
pub(super) fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("it is not PEM: {error}"))
}
