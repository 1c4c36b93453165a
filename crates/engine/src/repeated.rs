//! Requests with the same head as the one before, or with the same peer on their connection.
//!
//! Clients on a kept connection often send the same head again (monitoring, proxies, APIs). The
//! second time what was made of it is kept, without what depends on the connection, and from the
//! third time on it is copied as a whole.

use std::net::IpAddr;

use net::exchange as net_exchange;
use net::peer::Peer;
use proto::Known;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// The head of the last request, and what was made of it.
#[derive(Default)]
pub(crate) struct RepeatedHead {
    head: Vec<u8>,
    trusted: bool,
    listener: usize,
    /// An environ, or a scope.
    pub(crate) kept: Option<Py<PyDict>>,
}

impl RepeatedHead {
    /// Whether this request has the same head, from an equal peer on the same listener.
    #[inline]
    pub(crate) fn is_of(&self, exchange: &net_exchange::Exchange) -> bool {
        self.head == exchange.head.raw()
            && self.trusted == exchange.trusted
            && self.listener == exchange.listener
    }

    /// Another head.
    pub(crate) fn remember(&mut self, exchange: &net_exchange::Exchange) {
        self.head.clear();
        self.head.extend_from_slice(exchange.head.raw());
        self.trusted = exchange.trusted;
        self.listener = exchange.listener;
        self.kept = None;
    }
}

/// Connections whose peer is remembered at most.
const PEERS: usize = 4096;

/// What was made of the peer of each connection, and is needed again for its next request.
pub(crate) struct ByPeer<T>(Vec<Option<(Peer, T)>>);

impl<T> ByPeer<T> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// That of this peer, made if the last one in its place was another. `slot` is its connection's
    /// place, where that is worth a table.
    #[inline]
    pub(crate) fn of(
        &mut self,
        slot: Option<usize>,
        peer: Peer,
        make: impl FnOnce() -> PyResult<T>,
    ) -> PyResult<&T> {
        let slot = slot.filter(|slot| *slot < PEERS).map_or(0, |slot| slot + 1);
        if self.0.len() <= slot {
            self.0.resize_with(slot + 1, || None);
        }
        let place = &mut self.0[slot];
        if place.as_ref().is_none_or(|(known, _)| *known != peer) {
            *place = Some((peer, make()?));
        }
        present(place.as_ref()).map(|(_, made)| made)
    }
}

/// The address of the last new client as text: clients of one proxy share it.
#[derive(Default)]
pub(crate) struct LastAddress(Option<(IpAddr, Py<PyString>)>);

impl LastAddress {
    /// That of this client, which is remembered.
    pub(crate) fn text(&mut self, py: Python<'_>, ip: IpAddr) -> Py<PyString> {
        if let Some((last, text)) = &self.0
            && *last == ip
        {
            return text.clone_ref(py);
        }
        let text = PyString::new(py, &ip.to_string()).unbind();
        self.0 = Some((ip, text.clone_ref(py)));
        text
    }
}

/// What was set just before.
#[inline]
pub(crate) fn present<T>(value: Option<T>) -> PyResult<T> {
    value.ok_or_else(|| PyValueError::new_err("a value that was just set is missing"))
}

/// Fields whose value is mostly that of the request before, and no secret worth keeping apart; not
/// Transfer-Encoding, which says nothing about a body that was decoded.
pub(crate) fn repeated_by_clients(known: Known) -> bool {
    !matches!(
        known,
        Known::Authorization
            | Known::ProxyAuthorization
            | Known::Cookie
            | Known::ContentLength
            | Known::TransferEncoding
    )
}
