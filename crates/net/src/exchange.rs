//! One request with its response: the object handed to an application thread and back.

use std::sync::Arc;

use proto::h1::{RequestFacts, Response};
use proto::{KnownMethod, RequestHead, StreamId};

use crate::admission::GLANCE_NS;
use crate::body::Body;
use crate::clock;
use crate::peer::{Peer, Proxied};
pub use crate::slab::Token;
use crate::tls::Established;

/// Names a request: its connection, and its stream there. A response that comes too late meets none,
/// or one that owes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey {
    /// The connection it came from.
    pub connection: Token,
    /// Which request of that connection.
    pub stream: StreamId,
}

/// A complete request on its way through the application. Boxed and used again, so that in the
/// steady state nothing is allocated for it.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each named where it is used"
)]
pub struct Exchange {
    /// Which request it is; `None` only while the box waits for its next use.
    pub key: Option<RequestKey>,
    /// Its number in this worker, from 1.
    pub id: u64,
    /// Its number on its connection, from 1.
    pub number: u32,
    /// Its entry on the scoreboard, if there was room.
    pub entry: Option<usize>,
    /// A thread runs it, and frees that entry.
    pub begun: bool,
    /// The request head.
    pub head: RequestHead,
    /// The whole request body.
    pub body: Body,
    /// The sender: the client, or a proxy.
    pub peer: Option<Peer>,
    /// What a PROXY header has said of the connection.
    pub proxied: Option<Arc<Proxied>>,
    /// The peer may speak for others (`forwarded_allow_ips`).
    pub trusted: bool,
    /// What the handshake of TLS has agreed on, if there was one.
    pub tls: Option<Arc<Established>>,
    /// Which listener it came through, in the order they were given.
    pub listener: usize,
    /// Another worker has handed it over: that happens once at the most.
    pub handed_over: bool,
    /// Monotonic ns at which the request was complete.
    pub ready_ns: u64,
    /// How long it may wait from then on until a thread begins it, in ns; 0 for ever.
    pub queue_limit_ns: u64,
    /// It was read together with the request before it on its connection.
    pub pipelined: bool,
    /// It is the first one taken since the last look at the sockets: what need not be looked at for
    /// each request is looked at for this one.
    pub first: bool,
    /// Monotonic ns at which a thread took it; 0 for those whose time is not taken.
    pub started_ns: u64,
    /// The response on its way.
    pub response: Response,
    /// Encoded bytes that are not yet with the connection.
    pub out: Vec<u8>,
    /// Whether the connection may carry another request after this one.
    pub keep_alive: bool,
}

/// Buffers larger than this are not kept for the next request.
const KEPT: usize = 64 * 1024;

impl Exchange {
    /// What the encoder must know of the request.
    pub fn facts(&self) -> RequestFacts {
        RequestFacts {
            version: self.head.version(),
            head_method: self.is_head(),
            connect: self.head.known_method() == Some(KnownMethod::Connect),
            keep_alive: self.keep_alive,
            records: self.head.in_records(),
        }
    }

    /// Its method is HEAD: the answer has no content (RFC 9110, section 9.3.2).
    #[inline]
    pub fn is_head(&self) -> bool {
        self.head.known_method() == Some(KnownMethod::Head)
    }

    /// Whether the client has come by https: as a trusted peer says, else as it is.
    pub fn https(&self) -> bool {
        self.head.https().unwrap_or(self.tls.is_some())
    }

    /// The client: the peer, unless a trusted one names another (`client_address`).
    #[inline]
    pub fn client(&self) -> Option<Peer> {
        match self.head.client() {
            Some((ip, port)) => Some(Peer::Tcp(ip, port.unwrap_or(0))),
            None => self.peer,
        }
    }

    /// Where the fields of the head come from, which `trusted` is about: the peer at the other end of
    /// the socket, or the client of the web server there.
    pub fn sender(&self) -> Option<Peer> {
        match &self.proxied {
            _ if self.head.script_name().is_some() => self.client(),
            Some(proxied) => Some(proxied.by),
            None => self.peer,
        }
    }

    /// Whether [`crate::baton::Loop::admit`] should be asked before it is begun, some time after it was
    /// handed over: it has waited for long, or is one of several of its connection.
    #[inline]
    pub fn needs_admission(&self) -> bool {
        let has_waited = || clock::coarse_monotonic_ns().saturating_sub(self.ready_ns) > GLANCE_NS;
        self.key.is_some_and(|key| key.stream != StreamId::HTTP1) || has_waited()
    }

    /// Its response has begun, and the rest may take long: the buffers of what the connection has are
    /// given back.
    pub fn trim(&mut self) {
        if self.response.begun() && self.out.is_empty() {
            self.out = Vec::new();
            self.response.trim();
        }
    }

    /// Forgets everything but the buffers.
    pub(crate) fn recycle(&mut self) {
        self.key = None;
        self.body = Body::Empty;
        self.peer = None;
        self.proxied = None;
        self.tls = None;
        self.handed_over = false;
        self.started_ns = 0;
        self.response.clear();
        if self.out.capacity() > KEPT {
            self.out = Vec::new();
        } else {
            self.out.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::h1::{BodySize, ServerFields};

    use super::*;

    fn begun(exchange: &mut Exchange) {
        let (facts, server) = (exchange.facts(), ServerFields::new(""));
        exchange.response.draft.start(b"200 OK").unwrap();
        exchange.response.draft.field(b"X-A", b"1").unwrap();
        let out = &mut exchange.out;
        exchange
            .response
            .head(facts, BodySize::Unknown, &server, out)
            .unwrap();
    }

    #[test]
    fn a_response_that_takes_long_keeps_no_buffer_of_its_head() {
        let mut exchange = Exchange::default();
        begun(&mut exchange);
        exchange.out.clear();
        exchange.trim();
        assert_eq!(exchange.out.capacity(), 0);
        assert!(!exchange.response.draft.has_field(b"x-a"));
        assert_eq!(exchange.response.draft.status(), 200);
        exchange.response.body(b"x", &mut exchange.out).unwrap();
        exchange.response.end(&mut exchange.out).unwrap();
        assert_eq!(exchange.out, b"1\r\nx\r\n0\r\n\r\n");
    }

    #[test]
    fn what_is_still_needed_is_not_given_back() {
        let mut exchange = Exchange::default();
        exchange.response.draft.start(b"200 OK").unwrap();
        exchange.response.draft.field(b"X-A", b"1").unwrap();
        exchange.trim();
        assert!(exchange.response.draft.has_field(b"x-a"));
        begun(&mut exchange);
        let sent = exchange.out.clone();
        exchange.trim();
        assert_eq!(exchange.out, sent);
    }
}
