//! What a receiving connection says: the only vocabulary above this crate.

use core::ops::Range;

/// One step of a connection, and how much of the input it used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes at the front of the input that must not be handed in again.
    pub consumed: usize,
    /// What they meant.
    pub event: Event,
}

/// Which request of a connection: with HTTP/1, where one follows the other, all are stream 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StreamId(u32);

impl StreamId {
    /// The stream of every HTTP/1 request.
    pub const HTTP1: Self = Self(0);
}

/// What the consumed bytes meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing yet: keep what was not consumed, call again with more behind it. Also the answer
    /// while a finished request waits for its response.
    NeedMore,
    /// A PROXY header was read: [`crate::Connection::proxied`] hands it out.
    Proxied,
    /// A request head is complete and was written to the `RequestHead`.
    Head(StreamId),
    /// Bytes of the body: this range of the input that was handed in.
    Body(StreamId, Range<usize>),
    /// The request is complete, trailers included.
    End(StreamId),
    /// The peer ended the connection between two requests, or no further request may follow.
    Closed,
    /// Another protocol is spoken from here on: what was not consumed is for its decoder.
    Switched,
}
