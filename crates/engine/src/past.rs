//! What is kept of a request whose response is complete: hooks and loggers may look at it for as long
//! as they hold a reference.

use std::sync::Arc;

use net::exchange::Exchange;
use net::peer::{Peer, Proxied};
use proto::RequestHead;

/// What a request has said, and how its response was framed.
pub(crate) struct Past {
    pub(crate) head: RequestHead,
    pub(crate) client: Option<Peer>,
    pub(crate) proxied: Option<Arc<Proxied>>,
    pub(crate) facts: Facts,
}

/// What a hook may want to know of the connection.
#[derive(Clone, Copy)]
pub(crate) struct Facts {
    /// The number of the request on its connection, from 1.
    pub(crate) number: u32,
    /// The response body is sent in chunks.
    pub(crate) chunked: bool,
    /// Another request may come on the connection.
    pub(crate) keep_alive: bool,
}

impl Past {
    pub(crate) fn of(net: &Exchange) -> Self {
        Self {
            head: net.head.clone(),
            client: net.client(),
            proxied: net.proxied.clone(),
            facts: Facts::of(net),
        }
    }
}

impl Facts {
    pub(crate) fn of(net: &Exchange) -> Self {
        Self {
            number: net.number,
            chunked: net.response.chunked(),
            keep_alive: net.keep_alive,
        }
    }
}
