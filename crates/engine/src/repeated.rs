//! Requests with the same head as the one before.
//!
//! Clients on a kept connection often send the same head again (monitoring, proxies, APIs). The
//! second time what was made of it is kept, without what depends on the connection, and from the
//! third time on it is copied as a whole.

use net::exchange as net_exchange;
use proto::Known;
use pyo3::prelude::*;
use pyo3::types::PyDict;

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
