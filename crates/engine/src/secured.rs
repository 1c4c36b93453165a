//! What an application is told of the TLS of a request: the environ's `SSL_` entries, as `mod_ssl` and
//! nginx name them, and the `tls` extension of ASGI.

use net::exchange::Exchange;
use net::tls::Established;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// Adds to the environ of a request what its handshake has agreed on.
pub(crate) fn environ(environ: &Bound<'_, PyDict>, exchange: &Exchange) -> PyResult<()> {
    let Some(tls) = &exchange.tls else {
        return Ok(());
    };
    let py = environ.py();
    environ.set_item(intern!(py, "SSL_PROTOCOL"), tls.version.0)?;
    environ.set_item(intern!(py, "SSL_CIPHER"), tls.cipher.0)?;
    environ.set_item(intern!(py, "SSL_CLIENT_VERIFY"), verified(tls))?;
    for (name, value) in tls.client_entries() {
        environ.set_item(name, value)?;
    }
    Ok(())
}

/// A certificate that was shown and not good has ended the handshake.
fn verified(tls: &Established) -> &'static str {
    if tls.chain.is_empty() {
        "NONE"
    } else {
        "SUCCESS"
    }
}

/// Adds the `tls` extension to those of a scope (ASGI TLS extension, version 0.2).
pub(crate) fn extension(extensions: &Bound<'_, PyDict>, exchange: &Exchange) -> PyResult<()> {
    let Some(tls) = &exchange.tls else {
        return Ok(());
    };
    let py = extensions.py();
    let chain = PyList::new(py, tls.chain_pem())?;
    let subject = tls.identity.as_ref().map(|identity| &identity.subject);
    let extension = PyDict::new(py);
    extension.set_item(intern!(py, "server_cert"), py.None())?;
    extension.set_item(intern!(py, "client_cert_chain"), chain)?;
    extension.set_item(intern!(py, "client_cert_name"), subject)?;
    extension.set_item(intern!(py, "client_cert_error"), py.None())?;
    extension.set_item(intern!(py, "tls_version"), tls.version.1)?;
    extension.set_item(intern!(py, "cipher_suite"), tls.cipher.1)?;
    extensions.set_item(intern!(py, "tls"), extension)
}
