//! Certificates, keys and settings of TLS as the master sees them: it reads the files, has them looked
//! at here, and publishes them for the workers.

use std::sync::Arc;

use net::tls::{
    Certificate, ClientCertificates, Listening, Material, Pair, Store, TICKET_KEY, Terms,
    private_key,
};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A certificate with its key, as Python has it: names, chain in PEM, key in PKCS #8.
type Triple = (Vec<String>, Vec<u8>, Vec<u8>);

fn material(tickets: Vec<u8>, authorities: Vec<u8>, pairs: Vec<Triple>) -> Material {
    Material {
        tickets,
        authorities,
        pairs: pairs
            .into_iter()
            .map(|(names, chain, key)| Pair { names, chain, key })
            .collect(),
    }
}

/// Shared memory for certificates, made by the master before it forks.
#[pyclass(frozen, module = "licorne._engine")]
pub(crate) struct TlsStore {
    inner: Arc<Store>,
}

#[pymethods]
impl TlsStore {
    /// Bytes of a ticket key.
    #[classattr]
    const TICKET_KEY: usize = TICKET_KEY;

    #[new]
    fn new() -> PyResult<Self> {
        let store = Store::new().map_err(|error| {
            PyOSError::new_err(format!("Cannot map memory for certificates: {error}"))
        })?;
        Ok(Self {
            inner: Arc::new(store),
        })
    }

    /// Gives all workers other certificates and ticket keys; false: they are too many.
    fn publish(&self, tickets: Vec<u8>, authorities: Vec<u8>, pairs: Vec<Triple>) -> bool {
        self.inner
            .publish(&material(tickets, authorities, pairs).pack())
    }
}

/// What the settings say of TLS.
#[pyclass(frozen, module = "licorne._engine")]
pub(crate) struct TlsTerms {
    terms: Terms,
}

#[pymethods]
impl TlsTerms {
    #[new]
    fn new(
        ciphers: String,
        cert_reqs: u8,
        protocols: Vec<Vec<u8>>,
        tls12: bool,
        tls13: bool,
    ) -> Self {
        Self {
            terms: Terms {
                ciphers,
                clients: match cert_reqs {
                    0 => ClientCertificates::None,
                    1 => ClientCertificates::Optional,
                    _ => ClientCertificates::Required,
                },
                protocols,
                tls12,
                tls13,
            },
        }
    }

    /// A `ValueError` says why these certificates do not work with the settings.
    fn check(&self, authorities: Vec<u8>, pairs: Vec<Triple>) -> PyResult<()> {
        self.terms
            .check(&material(Vec::new(), authorities, pairs))
            .map_err(PyValueError::new_err)
    }
}

/// The TLS of an engine's listeners.
pub(crate) fn listening((terms, store): &(Py<TlsTerms>, Py<TlsStore>)) -> Arc<Listening> {
    Arc::new(Listening {
        terms: terms.get().terms.clone(),
        store: Arc::clone(&store.get().inner),
    })
}

/// What the first certificate of a PEM file says.
#[pyclass(frozen, get_all, module = "licorne._engine")]
pub(crate) struct TlsCertificate {
    subject: String,
    issuer: String,
    serial: String,
    /// Host names that it is for.
    names: Vec<String>,
    /// Unix seconds.
    not_before: i64,
    not_after: i64,
}

#[pymethods]
impl TlsCertificate {
    #[new]
    fn new(pem: &[u8]) -> PyResult<Self> {
        let certificate = Certificate::parse(pem).map_err(PyValueError::new_err)?;
        let identity = certificate.identity();
        Ok(Self {
            subject: identity.subject.clone(),
            issuer: identity.issuer.clone(),
            serial: identity.serial.clone(),
            names: identity.host_names(),
            not_before: identity.not_before,
            not_after: identity.not_after,
        })
    }
}

/// The private key of a PEM file, as PKCS #8 in DER; a `ValueError` says why there is none.
#[pyfunction]
#[pyo3(signature = (pem, password))]
pub(crate) fn tls_key<'py>(
    py: Python<'py>,
    pem: &[u8],
    password: Option<&[u8]>,
) -> PyResult<Bound<'py, PyBytes>> {
    match private_key(pem, password) {
        Ok(der) => Ok(PyBytes::new(py, &der)),
        Err(error) => Err(PyValueError::new_err(error.to_string())),
    }
}

/// A certificate for these names that no authority has signed, in PEM, and its key in PKCS #8.
#[pyfunction]
pub(crate) fn self_signed(
    py: Python<'_>,
    names: Vec<String>,
    days: i64,
) -> PyResult<(Bound<'_, PyBytes>, Bound<'_, PyBytes>)> {
    let (chain, key) = net::tls::self_signed(names, days).map_err(PyValueError::new_err)?;
    Ok((PyBytes::new(py, &chain), PyBytes::new(py, &key)))
}
