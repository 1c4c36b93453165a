//! A connection with TLS: what stands before its handshake, and what that has come to.

use std::sync::Arc;

use super::Conn;
use crate::stream::PeerEnd;
use crate::tls::Established;

impl Conn {
    /// A PROXY header has been read, behind which TLS begins: what was read beyond it belongs to the
    /// handshake. False: there is no such thing to do.
    pub(crate) fn begins_tls(&mut self) -> bool {
        if self.proxied.is_none() || !self.stream.in_clear() {
            return false;
        }
        let read = self.take_input();
        self.stream.begin_tls(read);
        self.readable = true;
        true
    }

    /// The handshake is over: what the client speaks is encrypted from now on.
    #[cold]
    pub(crate) fn secured(&mut self, established: Established) {
        self.proto
            .agreed(established.protocol.as_deref().unwrap_or_default());
        self.tls = Some(Arc::new(established));
    }

    /// It speaks TLS, whose handshake is over.
    pub(crate) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// How the client has ended its side, with nothing left to read before that.
    pub(crate) fn peer_end(&mut self) -> PeerEnd {
        let end = self.stream.peer_end();
        self.readable |= self.stream.holds_input();
        end
    }

    /// Whether it has ended its side, with nothing left to read before that.
    pub(crate) fn at_end(&mut self) -> bool {
        self.peer_end() != PeerEnd::None
    }
}
