//! What a receiving connection says.

use core::ops::Range;

use super::message::Kind;
#[cfg(doc)]
use super::{Connection, close};

/// One step of a connection, and how much of the input it used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes at the front of the input that must not be handed in again.
    pub consumed: usize,
    /// What they meant.
    pub event: Event,
}

/// What the consumed bytes meant. Ranges are of the input, in which they were unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing yet: keep what was not consumed, call again with more behind it.
    NeedMore,
    /// A message is complete. Text is UTF-8.
    Message(Kind, Payload),
    /// A ping, which was answered unless a close frame was sent.
    Ping(Range<usize>),
    /// A pong.
    Pong(Range<usize>),
    /// The close frame of the peer, with its reason, answered if it was the first one. The code is
    /// [`NO_CODE`](close::NO_CODE) if there was none.
    Close(u16, Range<usize>),
    /// The bytes ended without a close frame: [`ABNORMAL`](close::ABNORMAL).
    Lost,
    /// Nothing follows any more.
    Closed,
}

/// Where the bytes of a message are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// In the input.
    Input(Range<usize>),
    /// Put together: [`Connection::gathered`] has them until the next step.
    Gathered,
}
