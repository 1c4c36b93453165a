//! A connection that a proxy has accepted, and says of where it comes from (PROXY protocol).

use std::sync::Arc;

use super::Conn;
use crate::peer::{Peer, Proxied};

impl Conn {
    /// Its PROXY header was read: the client that it names takes the place of the peer. What the peer
    /// is trusted with stays.
    #[cold]
    pub(super) fn begin_proxied(&mut self) {
        let Some(header) = self.proto.proxied() else {
            return;
        };
        let by = self.peer;
        if let Some(client) = header.client() {
            self.peer = Peer::Tcp(client.ip(), client.port());
        } else if header.client_is_local() {
            self.peer = Peer::Unix;
        }
        let header = *header;
        self.proxied = Some(Arc::new(Proxied { header, by }));
    }

    /// It has begun with a PROXY header.
    pub(crate) fn is_proxied(&self) -> bool {
        self.proxied.is_some()
    }

    /// The peer at the other end of the socket.
    pub(crate) fn socket_peer(&self) -> Peer {
        self.proxied
            .as_ref()
            .map_or(self.peer, |proxied| proxied.by)
    }

    /// The PROXY header that it has begun with, as it was received.
    pub(crate) fn proxy_header(&self) -> &[u8] {
        self.proxied
            .as_ref()
            .map_or(&[], |proxied| proxied.header.raw())
    }
}
