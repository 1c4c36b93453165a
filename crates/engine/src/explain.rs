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
    Ok(explain(&config::policy(rules)?, address(peer)?, head).to_string())
}

/// The address of a peer that Python names; one on a unix socket has none.
pub(crate) fn address(peer: &str) -> PyResult<Option<IpAddr>> {
    if peer == "unix" {
        return Ok(None);
    }
    let no_address =
        |_| PyValueError::new_err(format!("{peer:?} is neither an IP address nor unix"));
    peer.parse().map(Some).map_err(no_address)
}

/// What was made of the forwarded headers of this request, in one line.
pub(crate) fn line(policy: &Policy, request: &net_exchange::Exchange) -> Option<String> {
    let peer = request.socket_peer().and_then(Peer::ip);
    explain(policy, peer, &request.head.as_http1()).line()
}
