//! What a PROXY header has said of a connection: for the environ, and for hooks by gunicorn's names.

use net::peer::Proxied;
use proto::proxy::{Addresses, Header};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::text;

/// Puts it into an environ (`PROXY_PROTOCOL`, `PROXY_ADDR`, `PROXY_PORT`, and one key for each TLV).
#[cold]
pub(crate) fn into_environ(environ: &Bound<'_, PyDict>, proxied: &Proxied) -> PyResult<()> {
    let py = environ.py();
    for (name, value) in proxied.header.variables() {
        environ.set_item(name, text::latin1(py, &value)?)?;
    }
    Ok(())
}

/// `req.proxy_protocol_info` as gunicorn has it; what TLVs say stands behind that.
pub(crate) fn info<'py>(py: Python<'py>, header: &Header) -> PyResult<Bound<'py, PyDict>> {
    let info = PyDict::new(py);
    info.set_item("proxy_protocol", header.protocol())?;
    for name in ["client_addr", "client_port", "proxy_addr", "proxy_port"] {
        info.set_item(name, py.None())?;
    }
    match header.addresses() {
        Addresses::Local | Addresses::Unknown(_) => {}
        Addresses::Tcp {
            source,
            destination,
        } => {
            info.set_item("client_addr", source.ip().to_string())?;
            info.set_item("client_port", source.port())?;
            info.set_item("proxy_addr", destination.ip().to_string())?;
            info.set_item("proxy_port", destination.port())?;
        }
        Addresses::Unix {
            source,
            destination,
        } => {
            info.set_item("client_addr", text::latin1(py, source)?)?;
            info.set_item("proxy_addr", text::latin1(py, destination)?)?;
        }
    }
    let mut tlvs = Vec::new();
    header.tlvs().variables(&mut tlvs);
    for (name, value) in tlvs {
        let key = name
            .strip_prefix("PROXY_")
            .unwrap_or(name)
            .to_ascii_lowercase();
        info.set_item(PyString::new(py, &key), text::latin1(py, &value)?)?;
    }
    Ok(info)
}
