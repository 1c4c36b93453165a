//! One WebSocket connection between its client and the application: the messages that wait, how it
//! has ended, and when its client last gave a sign of life.
//!
//! Messages are put together, pings answered and close frames exchanged here, whenever the reactor
//! turns. The application takes a message when it wants one; above a bound the socket is not read.

mod life;
mod waiting;

use proto::ws::{self, Agreed, Event, Payload, Pool, Reject, Role, State};

use crate::output::Shared;
use life::Life;
pub(crate) use life::Look;
pub(crate) use waiting::Waiting;

/// How WebSocket connections are served.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What a client may send, and from where on messages are compressed.
    pub policy: ws::Policy,
    /// What permessage-deflate is wanted for; `None`: messages are not compressed. For the handshake.
    pub compression: Option<ws::Compression>,
    /// From 1, the fastest, to 9, the smallest.
    pub compression_level: u8,
    /// Messages that wait for the application above which the socket is not read; at least one.
    pub queue: usize,
    /// A ping after so long without a byte of the client, in ms; 0 for none.
    pub ping_interval_ms: u64,
    /// How long the client may be silent after a ping, in ms; 0 for ever.
    pub ping_timeout_ms: u64,
}

impl Default for Settings {
    /// uvicorn's numbers.
    fn default() -> Self {
        Self {
            policy: ws::Policy::default(),
            compression: Some(ws::Compression::default()),
            compression_level: 1,
            queue: 32,
            ping_interval_ms: 20_000,
            ping_timeout_ms: 20_000,
        }
    }
}

/// Bytes of answers to pings that wait for a client above which it is not read: it asks, and does not
/// read.
pub(crate) const MOST_ANSWERS: usize = 64 * 1024;

/// What an application gets that asks for the next message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text, which is UTF-8.
    Text(Vec<u8>),
    /// Any bytes.
    Binary(Vec<u8>),
    /// None has come yet; the connection is named when one has, or when it has ended.
    Later,
    /// The connection has ended, and every message was taken. Told once.
    Closed {
        /// That of the close frame that was received; [`NO_CODE`](ws::close::NO_CODE) if it had none;
        /// [`ABNORMAL`](ws::close::ABNORMAL) if none came. That of the server's own close frame where
        /// the client has broken a rule, or the server stops.
        code: u16,
        /// The reason beside it.
        reason: String,
    },
    /// The end was told, or there is no such connection.
    Gone,
}

/// A message for the client. Text has to be UTF-8.
#[derive(Clone, Copy, Debug)]
pub enum Outgoing<'a, S: Shared> {
    /// Bytes to be copied.
    Bytes(&'a [u8]),
    /// Bytes that may stay where they are, if they are many and not compressed.
    Shared(S),
}

impl<S: Shared> Outgoing<'_, S> {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Shared(shared) => shared.bytes(),
        }
    }
}

/// What the WebSocket connections of a reactor use in turn.
pub(crate) struct Tools {
    pub(crate) pool: Pool,
    /// Frames on their way to the output of a connection.
    pub(crate) out: Vec<u8>,
}

impl Tools {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            pool: Pool::new(settings.compression_level),
            out: Vec::new(),
        }
    }
}

/// What the application does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Application {
    /// It has not asked for a message yet, or was told that there is one.
    Away,
    /// It has asked in vain, and is to be told when there is something.
    Waits,
    /// It has taken a message, and not asked for another: it may answer that.
    Answers,
    /// It is done with the connection.
    Left,
}

/// A WebSocket connection that the application has accepted.
#[derive(Debug)]
pub(crate) struct WebSocket {
    pub(crate) protocol: ws::Connection,
    pub(crate) waiting: Waiting,
    pub(crate) life: Life,
    /// Bytes of answers to pings since the client has last read everything.
    pub(crate) answers: usize,
    pub(crate) application: Application,
    /// The next frame will be refused, when the messages before it were taken and answered.
    faulty: bool,
    /// Nothing reaches the client any more; what it has sent before may still be there.
    pub(crate) broken: bool,
}

const _: () = assert!(
    size_of::<WebSocket>() <= 336,
    "there is one for each idle connection"
);

/// What [`WebSocket::feed`] has found.
pub(crate) struct Fed {
    /// Bytes that must not be handed in again.
    pub(crate) used: usize,
    /// The client has broken a rule.
    pub(crate) reject: Option<Reject>,
}

impl WebSocket {
    /// The handshake is done; `agreed` is what has come of permessage-deflate.
    pub(crate) fn new(agreed: Option<Agreed>, now_ms: u64) -> Self {
        Self {
            protocol: ws::Connection::new(Role::Server, agreed),
            waiting: Waiting::default(),
            life: Life::new(now_ms),
            answers: 0,
            application: Application::Away,
            faulty: false,
            broken: false,
        }
    }

    /// Whether more of what the client sends is wanted: there is room for a message, or only the
    /// client's close frame is awaited.
    pub(crate) fn wants_bytes(&self, settings: &Settings) -> bool {
        match self.protocol.state() {
            State::Open if self.faulty => !self.is_behind(),
            State::Open => !self.waiting.is_full(settings.queue),
            State::Closing => true,
            State::Closed | State::Refused => false,
        }
    }

    /// There are messages to be taken, or perhaps to be answered.
    fn is_behind(&self) -> bool {
        self.application == Application::Answers || self.waiting.has_message()
    }

    /// Nothing is expected of the client any more.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.protocol.state(), State::Closed | State::Refused)
    }

    /// Takes what was received, as far as there is room for messages. Answers of the protocol are
    /// appended to `tools.out`.
    pub(crate) fn feed(
        &mut self,
        input: &mut [u8],
        eof: bool,
        settings: &Settings,
        tools: &mut Tools,
    ) -> Fed {
        let mut used = 0;
        while self.wants_bytes(settings) {
            let rest = &mut input[used..];
            // A close frame ends what the application can say.
            if self.is_behind() && self.protocol.will_refuse(rest) {
                self.faulty = true;
                break;
            }
            let Tools { pool, out } = tools;
            let received = self
                .protocol
                .receive(&settings.policy, pool, rest, eof, out);
            let received = match received {
                Ok(received) => received,
                Err(reject) => {
                    self.waiting.end(reject.code(), reject.message());
                    let reject = Some(reject);
                    let used = input.len();
                    return Fed { used, reject };
                }
            };
            used += received.consumed;
            match received.event {
                Event::NeedMore | Event::Closed => break,
                Event::Message(kind, Payload::Input(range)) => {
                    self.waiting.push(kind, rest[range].to_vec());
                }
                Event::Message(kind, Payload::Gathered) => {
                    let bytes = self.gathered();
                    self.waiting.push(kind, bytes);
                }
                Event::Ping(_) | Event::Pong(_) => {}
                Event::Close(code, reason) => {
                    let reason = String::from_utf8_lossy(&rest[reason]);
                    self.waiting.end(code, &reason);
                }
                Event::Lost => self.waiting.end(ws::close::ABNORMAL, ""),
            }
        }
        let reject = None;
        Fed { used, reject }
    }

    /// A message that was put together. The room of a small one stays with the protocol.
    fn gathered(&mut self) -> Vec<u8> {
        const SMALL: usize = 16 * 1024;
        let bytes = self.protocol.gathered();
        if bytes.len() <= SMALL {
            bytes.to_vec()
        } else {
            self.protocol.take_gathered()
        }
    }
}

#[cfg(test)]
mod tests;
