//! A connection of whichever protocol it speaks: what the code that owns its socket deals with.

use crate::event::{Received, StreamId};
use crate::fastcgi;
use crate::h1;
use crate::h2;
use crate::head::{RequestHead, Sender};
use crate::known::Known;
use crate::limits::Policy;
use crate::protocol::{self, Protocol, Served};
use crate::proxy;
use crate::reject::Reject;
use crate::tunnel::Tunnel;
use crate::undecided::{Decision, Undecided};
use crate::uwsgi;

/// The receiving half of a connection.
#[derive(Debug)]
pub enum Connection {
    /// What it speaks is not known yet.
    Undecided(Undecided),
    /// HTTP/1: one request after the other, each on stream 0.
    H1(h1::Connection),
    /// HTTP/2: requests side by side, each on a stream of its own.
    H2(Box<h2::Connection>),
    /// uwsgi: one request of a web server.
    Uwsgi(uwsgi::Connection),
    /// FastCGI: requests of a web server, one after the other.
    FastCgi(Box<fastcgi::Connection>),
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
            http2_cleartext: served.http2_cleartext && trusted && !secure,
            ..served
        };
        match Undecided::new(served, secure, sender) {
            Ok(undecided) => Self::Undecided(undecided),
            // HTTP/2 alone never is.
            Err(protocol) => Self::of(protocol, sender, served.gateway_barred, None),
        }
    }

    /// TLS is established, and its ends have agreed on this protocol (ALPN, RFC 7301); empty: they
    /// have none in common, or the client has not asked.
    pub fn agreed(&mut self, protocol: &[u8]) {
        if let Self::Undecided(undecided) = self {
            undecided.agreed(protocol);
        }
    }

    /// Whether the preface of HTTP/2 has to come next, or the rest of it.
    pub fn awaits_preface(&self) -> bool {
        match self {
            Self::Undecided(undecided) => undecided.expects_preface(),
            Self::H2(connection) => !connection.has_begun(),
            Self::H1(_) | Self::Uwsgi(_) | Self::FastCgi(_) | Self::Tunnel(_) => false,
        }
    }

    /// The PROXY header that was read with the last [`Event::Proxied`](crate::Event::Proxied).
    pub fn proxied(&mut self) -> Option<Box<proxy::Header>> {
        match self {
            Self::Undecided(undecided) => undecided.proxied(),
            Self::H1(_) | Self::H2(_) | Self::Uwsgi(_) | Self::FastCgi(_) | Self::Tunnel(_) => None,
        }
    }

    /// How the answer to the request is sent that has begun with the last
    /// [`Event::Begun`](crate::Event::Begun).
    pub fn reply(&self) -> Option<fastcgi::Reply> {
        match self {
            Self::FastCgi(connection) => Some(connection.reply()),
            _ => None,
        }
    }

    /// What is to be sent beside answers to requests: for its owner to take out.
    pub fn answers(&mut self) -> Option<&mut Vec<u8>> {
        match self {
            Self::FastCgi(connection) => Some(connection.answers()),
            _ => None,
        }
    }

    /// Whether the bytes of a body whose length was announced come as they are.
    #[inline]
    pub fn bodies_are_plain(&self) -> bool {
        !matches!(self, Self::FastCgi(_) | Self::H2(_))
    }

    /// Whether another process can go on with it, knowing the request in hand and the bytes behind it.
    #[inline]
    pub fn can_be_resumed(&self) -> bool {
        matches!(self, Self::H1(_))
    }

    fn of(protocol: Protocol, sender: Sender, barred: bool, http2: Option<&h2::Config>) -> Self {
        let Sender { trusted, local } = sender;
        match (protocol, http2) {
            (Protocol::Http2, Some(config)) => {
                Self::H2(Box::new(h2::Connection::new(config, trusted, local)))
            }
            (Protocol::Uwsgi, _) => Self::Uwsgi(uwsgi::Connection::new(sender, barred)),
            (Protocol::FastCgi, _) => {
                Self::FastCgi(Box::new(fastcgi::Connection::new(sender, barred)))
            }
            // Nothing else is served: the parser of HTTP/1 refuses what it does not know.
            (Protocol::Http1 | Protocol::Http2 | Protocol::WebSocket, _) => {
                Self::H1(h1::Connection::from_peer(trusted, local))
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
            Self::H2(connection) => connection.receive(policy, input, eof, head),
            Self::Undecided(_) => self.decide(policy, input, eof, head),
            Self::Uwsgi(connection) => connection.receive(policy, input, eof, head),
            Self::FastCgi(connection) => connection.receive(policy, input, eof, head),
        }
    }

    /// Takes the end of a request without a body together with its head, where that is known: see
    /// [`h1::Connection::ends_with_head`].
    #[inline]
    pub fn ends_with_head(&mut self) -> bool {
        match self {
            Self::H1(connection) => connection.ends_with_head(),
            _ => false,
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
        let decision = undecided.receive(input, eof);
        if decision.is_err() {
            head.refused(None);
        }
        match decision? {
            Decision::Open(received) => Ok(received),
            Decision::Speaks(protocol) => {
                let http2 = Some(&policy.http2);
                *self = Self::of(
                    protocol,
                    undecided.sender(),
                    undecided.gateway_barred(),
                    http2,
                );
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
            Self::H2(connection) => connection.finished(stream),
            Self::Uwsgi(connection) => connection.finished(),
            Self::FastCgi(connection) => connection.finished(),
            // The one is done when its connection is, the other has had no request.
            Self::Tunnel(_) | Self::Undecided(_) => {}
        }
    }

    /// Goes on with HTTP/2, where the request that was read last asks for it: see
    /// [`h2::Connection::by_upgrade`]. False: HTTP/1 goes on.
    ///
    /// # Errors
    /// Settings that are none: the client is to be refused.
    #[cold]
    pub fn upgrade_to_http2(
        &mut self,
        policy: &Policy,
        head: &mut RequestHead,
    ) -> Result<bool, Reject> {
        let Self::H1(_) = self else {
            return Ok(false);
        };
        let upgraded = h2::Connection::by_upgrade(policy, head)?;
        let upgraded = upgraded.map(|connection| Self::H2(Box::new(connection)));
        Ok(upgraded.map(|connection| *self = connection).is_some())
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
            None
            | Some(
                Protocol::Http1
                | Protocol::Http2
                | Protocol::WebSocket
                | Protocol::Uwsgi
                | Protocol::FastCgi,
            ) => *self = Self::Tunnel(Tunnel::new(stream)),
        }
        true
    }

    /// Whether it carries several requests at once.
    #[inline]
    pub fn has_streams(&self) -> bool {
        matches!(self, Self::H2(_))
    }

    /// The connection that does.
    #[inline]
    pub fn h2(&mut self) -> Option<&mut h2::Connection> {
        match self {
            Self::H2(connection) => Some(connection),
            _ => None,
        }
    }

    /// What it speaks, as far as that is known.
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Undecided(_) | Self::H1(_) | Self::Tunnel(_) => Protocol::Http1,
            Self::H2(_) => Protocol::Http2,
            Self::Uwsgi(_) => Protocol::Uwsgi,
            Self::FastCgi(_) => Protocol::FastCgi,
        }
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
            Self::H2(connection) => connection.idle(),
            Self::Undecided(_) => true,
            Self::Uwsgi(connection) => connection.idle(),
            Self::FastCgi(connection) => connection.idle(),
            Self::Tunnel(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
