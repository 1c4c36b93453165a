//! A connection of whichever protocol it speaks: what the code that owns its socket deals with.

use crate::event::{Received, StreamId};
use crate::h1;
use crate::head::{RequestHead, Sender};
use crate::known::Known;
use crate::limits::Policy;
use crate::protocol::{self, Protocol, Served};
use crate::proxy;
use crate::reject::Reject;
use crate::tunnel::Tunnel;
use crate::undecided::{Decision, Undecided};

/// The receiving half of a connection.
#[derive(Debug)]
pub enum Connection {
    /// What it speaks is not known yet.
    Undecided(Undecided),
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
    /// A connection that has just begun. With `secure` TLS is to agree on its protocol, which
    /// [`Self::agreed`] tells; `trusted` says that the peer is in `forwarded_allow_ips`, `local` that
    /// it is on a unix socket.
    pub fn begin(served: Served, secure: bool, trusted: bool, local: bool) -> Self {
        let sender = Sender { trusted, local };
        let served = Served {
            // `http2_cleartext` is for proxies that are trusted.
            http2_cleartext: served.http2_cleartext && trusted,
            ..served
        };
        match Undecided::new(served, secure, sender) {
            Ok(undecided) => Self::Undecided(undecided),
            Err(protocol) => Self::of(protocol, sender),
        }
    }

    /// TLS is established, and its ends have agreed on this protocol (ALPN, RFC 7301); empty: they
    /// have none in common, or the client has not asked.
    pub fn agreed(&mut self, protocol: &[u8]) {
        if let Self::Undecided(undecided) = self {
            let (protocol, sender) = (undecided.agreed(protocol), undecided.sender());
            *self = Self::of(protocol, sender);
        }
    }

    /// The PROXY header that was read with the last [`Event::Proxied`](crate::Event::Proxied).
    pub fn proxied(&mut self) -> Option<Box<proxy::Header>> {
        match self {
            Self::Undecided(undecided) => undecided.proxied(),
            Self::H1(_) | Self::Tunnel(_) => None,
        }
    }

    fn of(protocol: Protocol, sender: Sender) -> Self {
        match protocol {
            // Nothing else is served: the parser of HTTP/1 refuses what it does not know.
            Protocol::Http1 | Protocol::Http2 | Protocol::WebSocket => {
                Self::H1(h1::Connection::from_peer(sender.trusted, sender.local))
            }
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
            Self::Undecided(_) => self.decide(policy, input, eof, head),
        }
    }

    /// Finds out what is spoken, and goes on with it.
    #[cold]
    fn decide(
        &mut self,
        policy: &Policy,
        input: &[u8],
        eof: bool,
        head: &mut RequestHead,
    ) -> Result<Received, Reject> {
        let Self::Undecided(undecided) = self else {
            return self.receive(policy, input, eof, head);
        };
        match undecided.receive(input, eof)? {
            Decision::Open(received) => Ok(received),
            Decision::Speaks(protocol) => {
                *self = Self::of(protocol, undecided.sender());
                self.receive(policy, input, eof, head)
            }
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
            // The one is done when its connection is, the other has had no request.
            Self::Tunnel(_) | Self::Undecided(_) => {}
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
        match protocol::upgrade(Served::HTTP1, asked) {
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
            Self::Undecided(_) => true,
            Self::Tunnel(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
