//! One connection: bytes in → proto → exchange; output → bytes out. It decides nothing about time
//! or other connections; the reactor does.

mod framing;
mod moving;
mod parsing;
mod proxied;
mod queue;
mod securing;
mod serving;
mod streams;
mod websocket;

use std::io;
use std::sync::Arc;

use proto::protocol::Served;
use proto::{Policy, Reject, ws};

use crate::body::{Body, BodyStore};
use crate::config::Config;
use crate::drain::Activity;
use crate::edge::Watched;
use crate::exchange::Exchange;
use crate::output::Output;
use crate::peer::{Peer, Proxied};
use crate::stream::Stream;
use crate::timer::{Cause, Deadline};
use crate::tls::Established;
pub(crate) use framing::LOW_WATER;
pub(crate) use queue::Beside;
pub(crate) use serving::Serving;
pub(crate) use streams::{ConnectionEnd, RequestStream, StreamNews, StreamPhase, Streams};

/// How long behind the connection, or its handshake, a first request is certainly on its way, in ms.
const ARRIVAL_MS: u64 = 1_000;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waiting for a request, or in the middle of one.
    Reading,
    /// A request is with the application (or in the inbox); nothing but its body, if that flows, is
    /// read meanwhile.
    Busy,
    /// The response is complete; the rest of a flowing request body is read and dropped.
    Discarding,
    /// The last response is on its way out.
    Closing,
    /// Everything is written; the client's own end is awaited so that no reset eats the response.
    Lingering,
}

/// What the poller reports of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registration {
    /// Nothing: it is not registered.
    None,
    /// That there is something to read.
    Reading,
    /// That there is something to read, or room to write.
    Both,
}

/// One client connection.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each named where it is used"
)]
pub(crate) struct Conn {
    pub(crate) stream: Stream,
    /// The client: the peer, unless a PROXY header names another.
    pub(crate) peer: Peer,
    proxied: Option<Arc<Proxied>>,
    pub(crate) listener: usize,
    /// Its request is answered without the application, which sends the client on to TLS.
    pub(crate) redirects: bool,
    /// The peer is in `forwarded_allow_ips`.
    trusted: bool,
    /// What its handshake of TLS has agreed on.
    tls: Option<Arc<Established>>,
    proto: proto::Connection,
    /// Bytes read and not consumed, from `start` on.
    input: Vec<u8>,
    start: usize,
    /// A request whose head is complete and whose body is not.
    pending: Option<Box<Exchange>>,
    pub(crate) output: Output,
    pub(crate) deadline: Deadline,
    pub(crate) phase: Phase,
    /// The last request, which may be with the application.
    pub(crate) serving: Serving,
    /// Its requests, where it carries several at once.
    pub(crate) streams: Option<Box<Streams>>,
    /// Requests read so far.
    pub(crate) requests: u32,
    pub(crate) registered: Registration,
    /// The kernel may have bytes for us (edge-triggered: it says so once).
    pub(crate) readable: bool,
    /// The peer has announced its end; read until it comes.
    pub(crate) ended: bool,
    /// The request that was read last is the client's last one (RFC 9112 section 9.6).
    pub(crate) had_last_request: bool,
    /// In the queue of those that are written to next.
    pub(crate) write_due: bool,
    /// Output is held back until the turn ends.
    pub(crate) held_back: bool,
    /// Its client asks for more than it reads: no further request until it has read on.
    pub(crate) stalled: bool,
    /// From how many bytes on the poller reports it as readable.
    wakes_at: i32,
    pub(crate) watched: Watched,
}

/// What came of the bytes fed to a connection.
pub(crate) enum Fed {
    /// More bytes are needed.
    Wait,
    /// A complete request.
    Ready(Box<Exchange>),
    /// The peer broke a rule.
    Rejected(Reject),
    /// The peer left between two requests.
    Closed,
    /// The body could not be kept.
    Failed(io::Error),
    /// More of a body that flows, or its end.
    Flowed,
    /// WebSocket messages, or their end.
    Messages,
    /// Frames, for streams that have news of it.
    Streams,
    /// The peer broke a rule of WebSocket.
    Failing(ws::Reject),
}

/// What parsing needs besides the bytes.
pub(crate) struct Feeding<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) store: &'a Arc<BodyStore>,
    /// Boxes for the next exchanges; at least one is always there.
    #[expect(clippy::vec_box, reason = "a box travels to the application and back")]
    pub(crate) pool: &'a mut Vec<Box<Exchange>>,
    /// The peer will send no more.
    pub(crate) eof: bool,
    /// Bodies flow.
    pub(crate) flowing: bool,
}

impl<'a> Feeding<'a> {
    /// As the configuration has it, from a peer that may send more.
    #[inline]
    #[expect(clippy::vec_box, reason = "a box travels to the application and back")]
    pub(crate) fn of(config: &'a Config, pool: &'a mut Vec<Box<Exchange>>) -> Self {
        Self {
            policy: &config.policy,
            store: &config.body,
            pool,
            eof: false,
            flowing: config.flowing_bodies,
        }
    }
}

impl Conn {
    /// A connection that may begin with what is `served`.
    pub(crate) fn new(
        stream: Stream,
        peer: Peer,
        listener: usize,
        trusted: bool,
        served: Served,
    ) -> Self {
        let secure = stream.in_handshake();
        let proto = proto::Connection::begin(served, secure, trusted, peer == Peer::Unix);
        Self {
            stream,
            peer,
            proxied: None,
            listener,
            redirects: false,
            trusted,
            tls: None,
            proto,
            input: Vec::new(),
            start: 0,
            pending: None,
            output: Output::default(),
            deadline: Deadline::NONE,
            phase: Phase::Reading,
            serving: Serving::none(),
            streams: None,
            requests: 0,
            registered: Registration::None,
            readable: true,
            ended: false,
            had_last_request: false,
            write_due: false,
            held_back: false,
            stalled: false,
            wakes_at: 1,
            watched: Watched::default(),
        }
    }

    /// Bytes were read that no request has consumed.
    #[inline]
    pub(crate) fn has_input(&self) -> bool {
        self.start < self.input.len()
    }

    /// Its client has sent more than what was consumed, read or not.
    pub(crate) fn has_more(&self) -> bool {
        self.has_input() || self.readable
    }

    /// Something is still to be written.
    #[inline]
    pub(crate) fn wants_write(&self) -> bool {
        !self.output.is_empty() || self.stream.wants_write()
    }

    /// So much is still to be written that nothing more should be made for it.
    pub(crate) fn wants_no_more(&self) -> bool {
        self.streams.is_none() && self.output.queued() >= HIGH_WATER
    }

    /// Between requests, with nothing of the next one seen.
    pub(crate) fn idle(&self) -> bool {
        self.phase == Phase::Reading
            && self.pending.is_none()
            && !self.has_input()
            && self.proto.idle()
    }

    /// It can be closed without a loss: it is idle, with its answers read, or has had its last one.
    pub(crate) fn can_be_spared(&self) -> bool {
        self.phase == Phase::Lingering || (self.idle() && self.output.is_empty())
    }

    /// Its first request is still awaited.
    pub(crate) fn had_no_request(&self) -> bool {
        self.phase == Phase::Reading && self.requests == 0
    }

    /// Its client has come a moment ago, or is in its handshake: its first request is on its way.
    pub(crate) fn is_arriving(&self, now_ms: u64, config: &Config) -> bool {
        if !self.had_no_request() {
            return false;
        }
        if self.stream.has_begun_handshake() {
            return true;
        }
        let due_ms = self.deadline.at_ms();
        if due_ms == Deadline::NONE.at_ms() {
            return false;
        }
        let preface = self.deadline.cause != Cause::Handshake && self.awaits_preface();
        let whole = config.first_deadline(preface, 0);
        now_ms.saturating_add(whole.at_ms()) < due_ms.saturating_add(ARRIVAL_MS)
    }

    /// What it is doing, as a stop sees it. An idle one has its deadline `keepalive_ms` after its
    /// last response.
    pub(crate) fn activity(&self, keepalive_ms: u64) -> Activity {
        if !self.idle() || !self.output.is_empty() {
            Activity::Busy
        } else if matches!(self.deadline.cause, Cause::Header | Cause::Handshake) {
            Activity::Fresh
        } else {
            Activity::Idle(self.deadline.at_ms().saturating_sub(keepalive_ms))
        }
    }

    /// The client has said that its last request is the last one, and everything it sent was read.
    pub(crate) fn sends_no_more(&self) -> bool {
        self.had_last_request && !self.has_more() && !self.in_body()
    }

    /// The response is complete and the connection is kept: the next request may come.
    pub(crate) fn next_request(&mut self) {
        self.proto.finished(self.serving.stream);
        self.phase = Phase::Reading;
        self.serving.head_method = false;
        self.serving.incoming = None;
    }

    /// Takes what was not consumed, for an application that takes the socket over.
    pub(crate) fn take_input(&mut self) -> Vec<u8> {
        let mut input = std::mem::take(&mut self.input);
        input.drain(..std::mem::take(&mut self.start));
        input
    }

    /// Room for reading a large body in place: the memory body being read, and how much is missing.
    pub(crate) fn direct_body(&mut self) -> Option<(&mut Stream, &mut Vec<u8>, usize)> {
        let plain = self.stream.reads_in_place() && self.proto.bodies_are_plain();
        if self.has_input() || !plain {
            return None;
        }
        let exchange = self.pending.as_mut()?;
        let Body::Memory(memory) = &mut exchange.body else {
            return None;
        };
        let expected = usize::try_from(exchange.head.content_length()?).ok()?;
        // A buffer that has grown may have room for a body that belongs into a file.
        let reserved = memory.reserved(expected);
        let bytes = memory.bytes();
        let missing = expected - bytes.len();
        (reserved && missing > DIRECT).then_some((&mut self.stream, bytes, missing))
    }

    /// While a large body comes in, many of its bytes at a time are worth a turn.
    pub(crate) fn pace_wakes(&mut self) {
        let missing = match &self.pending {
            Some(exchange) => match (&exchange.body, exchange.head.content_length()) {
                (Body::Memory(_) | Body::File(..), Some(length)) => {
                    length.saturating_sub(exchange.body.len())
                }
                _ => 0,
            },
            None => 0,
        };
        let at = i32::try_from(missing).map_or(WAKE_AT, |missing| missing.clamp(1, WAKE_AT));
        let at = if missing > DIRECT as u64 { at } else { 1 };
        if at != self.wakes_at {
            self.wakes_at = at;
            self.stream.wake_at(at);
        }
    }

    /// Tells the protocol of `count` body bytes that [`Self::direct_body`] has put in place.
    pub(crate) fn fed_directly(&mut self, count: usize, feeding: &mut Feeding<'_>) -> Fed {
        let Some(mut exchange) = self.pending.take() else {
            return Fed::Wait;
        };
        let Body::Memory(memory) = &mut exchange.body else {
            return Fed::Wait;
        };
        let bytes = memory.bytes();
        let new = &bytes[bytes.len() - count..];
        let eof = count == 0;
        match self
            .proto
            .receive(feeding.policy, new, eof, &mut exchange.head)
        {
            Err(reject) => Fed::Rejected(reject),
            Ok(received) => {
                debug_assert_eq!(received.consumed, count);
                self.pending = Some(exchange);
                // The end of the body is an event of its own.
                self.feed(&[], feeding)
            }
        }
    }

    /// Adds bytes and parses as far as the end of one request.
    #[inline]
    pub(crate) fn feed(&mut self, bytes: &[u8], feeding: &mut Feeding<'_>) -> Fed {
        if !self.has_input() {
            let (used, fed) = self.parse(bytes, feeding);
            self.input.extend_from_slice(&bytes[used..]);
            return fed;
        }
        self.input.extend_from_slice(bytes);
        let mut input = std::mem::take(&mut self.input);
        let (used, fed) = self.parse(&input[self.start..], feeding);
        self.start += used;
        if self.start == input.len() {
            // An idle connection keeps no buffer.
            input = Vec::new();
            self.start = 0;
        } else if self.start >= input.len() / 2 {
            input.drain(..self.start);
            self.start = 0;
        }
        self.input = input;
        fed
    }
}

/// Bytes of a large body that are worth a turn of the loop, above all of one that Python turns.
const WAKE_AT: i32 = 512 * 1024;
/// Output above which a streaming application, and the client's next request, have to wait.
pub(crate) const HIGH_WATER: u64 = 256 * 1024;
/// Bodies with more than this missing are read in place.
const DIRECT: usize = 32 * 1024;

#[cfg(test)]
mod tests;
