//! One HTTP/2 connection, seen from the server (RFC 9113), as a value.
//!
//! Receiving: `frame` finds the boundaries, `receiving` says what each frame does, with `state` as
//! the table of streams; `data` is the body of a request on its way, `block` a header block that
//! becomes a head (`head`) or trailers, by way of `hpack`. Sending: `sending` writes frames into the
//! owner's buffer, as `window` allows. What the protocol has to answer by itself is in `answers`.

mod block;
mod budget;
mod config;
mod data;
mod frame;
mod priority;
mod receiving;
mod sending;
mod settings;
mod state;
mod streams;
mod upgrade;
mod window;

pub(crate) mod code;
pub(crate) mod head;

pub mod hpack;

pub use budget::{BUDGETS, exceeded};
pub use code::{ErrorCode, goaway_code};
pub use config::Config;
pub use priority::Priority;
pub use upgrade::SWITCHING;

use self::block::OpenBlock;
use self::budget::Budget;
use self::data::Data;
use self::settings::Peer;
use self::streams::Streams;
use self::window::{Receiving, Sending};
use crate::event::{Event, Received, StreamId};
use crate::head::{RequestHead, Sender};
use crate::limits::Policy;
use crate::reject::Reject;

/// What a client of HTTP/2 sends first (RFC 9113, section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Both halves of a connection: what may be received and sent on each of its streams.
#[derive(Debug)]
pub struct Connection {
    config: Config,
    sender: Sender,
    phase: Phase,
    /// The DATA frame that is being received.
    data: Option<Data>,
    /// Bytes of a frame that are dropped as they come.
    skip: u32,
    /// The header block that goes on in CONTINUATION.
    block: Option<OpenBlock>,
    /// The stream whose request is complete: said next.
    complete: Option<u32>,
    /// A window has grown: said when there is nothing else to say.
    room: bool,
    decoder: hpack::Decoder,
    streams: Streams,
    sending: Sending,
    receiving: Receiving,
    peer: Peer,
    /// What the peer may take the window of a new stream to be: it has not acknowledged ours yet.
    window: u32,
    budget: Budget,
    leaving: Leaving,
    answers: Vec<u8>,
    scratch: Vec<u8>,
}

/// How far the connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The peer has not sent all of its preface.
    Preface,
    /// SETTINGS come first.
    FirstSettings,
    /// Any frame may come.
    Frames,
    /// The peer has ended the connection.
    Closed,
    /// The peer was refused: nothing of what it sends is looked at any more.
    Refused(Reject),
}

/// How far the end of the connection has come (RFC 9113, section 6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    /// Nothing was said.
    Not,
    /// GOAWAY without a last stream was sent, and PING: what is on its way until its answer comes is
    /// served.
    Announced,
    /// GOAWAY with the last stream was sent or received.
    Gone,
}

/// The PING that is sent with the first GOAWAY.
const LEAVING: [u8; frame::PING] = *b"shutdown";

impl Connection {
    /// A connection that has just begun: [`answers`](Self::answers) has the server's preface.
    /// `trusted` says that the peer is in `forwarded_allow_ips`, `local` that it is on a unix socket.
    pub fn new(config: &Config, trusted: bool, local: bool) -> Self {
        let size = config.connection_window();
        let mut answers = Vec::new();
        frame::push_settings(&mut answers, &settings::announced(config));
        frame::push_window_update(&mut answers, 0, size - Config::WINDOW);
        Self {
            config: config.clone(),
            sender: Sender { trusted, local },
            phase: Phase::Preface,
            data: None,
            skip: 0,
            block: None,
            complete: None,
            room: false,
            decoder: hpack::Decoder::new(Config::HEADER_TABLE as usize),
            streams: Streams::default(),
            sending: Sending::new(Config::WINDOW),
            receiving: Receiving::new(size, size),
            peer: Peer::default(),
            window: config.window().max(Config::WINDOW),
            budget: Budget::default(),
            leaving: Leaving::Not,
            answers,
            scratch: Vec::new(),
        }
    }

    /// Takes one step.
    ///
    /// `input` holds all bytes that were received and not consumed. `eof` says that no more will
    /// come. With [`Event::Head`] `head` is filled, otherwise it is scratch space. After a refusal,
    /// whose GOAWAY is in [`answers`](Self::answers), every further call gives the same refusal.
    /// DATA are handed on as they come, other frames when they are whole: `input` must have room for
    /// 9 bytes and 16,384, or twice `http2_max_header_list_size` where frames may be so large.
    pub fn receive(
        &mut self,
        policy: &Policy,
        input: &[u8],
        eof: bool,
        head: &mut RequestHead,
    ) -> Result<Received, Reject> {
        match self.steps(policy, input, head) {
            Ok(Received {
                consumed,
                event: Event::NeedMore,
            }) if eof => {
                self.phase = Phase::Closed;
                Ok(Received {
                    consumed,
                    event: Event::Closed,
                })
            }
            Ok(received) => Ok(received),
            Err(reject) => Err(self.refuse(reject)),
        }
    }

    /// The time in whole seconds, of any clock: what a peer may do for nothing is counted for each
    /// second. Cheap within one second.
    #[inline]
    pub fn at(&mut self, second: u64) {
        self.budget.at(second);
    }

    /// What the protocol has to answer: the owner moves it to its output, behind what is there, as
    /// long as the peer takes that. If it is left here for too long the peer is refused.
    #[inline]
    pub fn answers(&mut self) -> &mut Vec<u8> {
        &mut self.answers
    }

    /// Whether no stream is open.
    pub fn idle(&self) -> bool {
        self.streams.is_empty()
    }

    /// Whether the peer has sent its preface.
    #[inline]
    pub fn has_begun(&self) -> bool {
        self.phase != Phase::Preface
    }

    /// Whether a header block has begun and is not complete: the deadline of a head is running.
    pub fn in_head(&self) -> bool {
        self.block.is_some() || matches!(self.phase, Phase::Preface | Phase::FirstSettings)
    }

    /// Whether bytes of this request's body, or its end, are still to come.
    pub fn in_body(&self, stream: StreamId) -> bool {
        let stream = self.streams.get(stream.number());
        stream.is_some_and(|stream| stream.state.receives())
    }

    /// How many streams are open.
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// How urgent a response is (RFC 9218): what the request says, or `PRIORITY_UPDATE` since.
    pub fn priority(&self, stream: StreamId) -> Priority {
        let stream = self.streams.get(stream.number());
        stream.map_or_else(Priority::default, |stream| stream.priority)
    }

    /// The server is to end: no stream that is begun from here on need be, but those that are on
    /// their way are served. When the peer has answered, or with
    /// [`go_away_now`](Self::go_away_now), the last stream is named (RFC 9113, section 6.8).
    pub fn go_away(&mut self) {
        if self.leaving == Leaving::Not {
            self.leaving = Leaving::Announced;
            let answers = &mut self.answers;
            frame::push_go_away(answers, frame::LAST_STREAM, ErrorCode::NoError, "");
            frame::push_ping(answers, 0, LEAVING);
        }
    }

    /// The same without waiting: streams above those that were begun are ignored.
    pub fn go_away_now(&mut self) {
        if self.leaving != Leaving::Gone {
            self.leaving = Leaving::Gone;
            let last = self.streams.close_above();
            frame::push_go_away(&mut self.answers, last, ErrorCode::NoError, "");
        }
    }

    /// Whether nothing more can happen on this connection: once what was written is sent, it can be
    /// closed.
    pub fn is_over(&self) -> bool {
        match self.phase {
            Phase::Closed | Phase::Refused(_) => true,
            _ => self.leaving == Leaving::Gone && self.streams.is_empty(),
        }
    }

    /// A connection error: GOAWAY says why, and nothing is received or sent any more.
    fn refuse(&mut self, reject: Reject) -> Reject {
        if !matches!(self.phase, Phase::Refused(_)) {
            self.phase = Phase::Refused(reject);
            let code = goaway_code(reject);
            let last = self.streams.highest();
            frame::push_go_away(&mut self.answers, last, code, reject.message());
        }
        reject
    }
}

#[cfg(test)]
mod tests;
