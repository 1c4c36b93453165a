//! What was made of a request's forwarded headers: the parser's own words, for Python.

use std::net::IpAddr;

use net::exchange as net_exchange;
use net::peer::Peer;
use proto::Policy;
use proto::forwarded::explain;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::config;

/// What would be made of a request head from `peer`, an IP address or `unix`, under these rules.
#[pyfunction]
pub(crate) fn explain_proxy(rules: &Bound<'_, PyAny>, peer: &str, head: &[u8]) -> PyResult<String> {
    let peer: Option<IpAddr> = match peer {
        "unix" => None,
        address => Some(address.parse().map_err(|_| {
            PyValueError::new_err(format!("{address:?} is neither an IP address nor unix"))
        })?),
    };
    Ok(explain(&config::policy(rules)?, peer, head).to_string())
}

/// What was made of the forwarded headers of this request, in one line.
pub(crate) fn line(policy: &Policy, request: &net_exchange::Exchange) -> Option<String> {
    let peer = request.peer.and_then(Peer::ip);
    explain(policy, peer, request.head.raw()).line()
}
