//! A connection of whichever protocol it speaks: what the code that owns its socket deals with.

use crate::event::{Received, StreamId};
use crate::h1;
use crate::head::RequestHead;
use crate::known::Known;
use crate::limits::Policy;
use crate::protocol::{self, Beginning, Protocol, Served};
use crate::reject::Reject;
use crate::tunnel::Tunnel;

/// What is served today.
const SERVED: Served = Served {
    proxy: false,
    http2: false,
    websocket: false,
};

/// The receiving half of a connection.
#[derive(Debug)]
pub enum Connection {
    /// HTTP/1: one request after the other, each on stream 0.
    H1(h1::Connection),
    /// Bytes that are no HTTP any more.
    Tunnel(Tunnel),
}

const _: () = assert!(
    size_of::<Connection>() <= 64,
    "there is one for each idle connection"
);

impl Connection {
    /// A connection that has just begun. `agreed` is what TLS has agreed on, `first` what was
    /// received so far; `trusted` says that the peer is in `forwarded_allow_ips`, `local` that it is
    /// on a unix socket.
    pub fn begin(agreed: Option<&[u8]>, first: &[u8], trusted: bool, local: bool) -> Self {
        match protocol::beginning(SERVED, agreed, first) {
            // The table answers with what is served: HTTP/1 alone.
            Beginning::Of(Protocol::Http1 | Protocol::Http2 | Protocol::WebSocket)
            | Beginning::Undecided
            | Beginning::Proxy => Self::H1(h1::Connection::from_peer(trusted, local)),
        }
    }

    /// Takes one step: see [`h1::Connection::receive`] and [`Tunnel::receive`].
    #[inline]
    pub fn receive(
        &mut self,
        policy: &Policy,
        input: &[u8],
        eof: bool,
        head: &mut RequestHead,
    ) -> Result<Received, Reject> {
        match self {
            Self::H1(connection) => connection.receive(policy, input, eof, head),
            Self::Tunnel(tunnel) => Ok(tunnel.receive(input, eof)),
        }
    }

    /// The request whose head was received last is complete with a body that came another way: see
    /// [`h1::Connection::body_was_received`].
    pub fn body_was_received(&mut self) {
        if let Self::H1(connection) = self {
            connection.body_was_received();
        }
    }

    /// The response on this stream is done. With HTTP/1 the next request may come.
    #[inline]
    pub fn finished(&mut self, stream: StreamId) {
        match self {
            Self::H1(connection) => {
                debug_assert_eq!(stream, StreamId::HTTP1);
                connection.next_request();
            }
            // It is done when its connection is.
            Self::Tunnel(_) => {}
        }
    }

    /// The response to `request`, on this stream, has switched to another protocol: the bytes behind
    /// the request belong to that (RFC 9110, section 7.8). False: the request was not read to its
    /// end, and nothing more is read here.
    pub fn switched(&mut self, stream: StreamId, request: &RequestHead) -> bool {
        let Self::H1(connection) = self else {
            return false;
        };
        debug_assert_eq!(stream, StreamId::HTTP1);
        if !connection.switched() {
            return false;
        }
        let asked = request.get(Known::Upgrade).unwrap_or_default();
        match protocol::upgrade(SERVED, asked) {
            // None of them is served behind a switch: the application speaks the protocol itself.
            None | Some(Protocol::Http1 | Protocol::Http2 | Protocol::WebSocket) => {
                *self = Self::Tunnel(Tunnel::new(stream));
            }
        }
        true
    }

    /// Whether it has left HTTP.
    #[inline]
    pub fn is_tunnel(&self) -> bool {
        matches!(self, Self::Tunnel(_))
    }

    /// Whether nothing of a request was seen that is not answered.
    #[inline]
    pub fn idle(&self) -> bool {
        match self {
            Self::H1(connection) => connection.idle(),
            Self::Tunnel(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
