//! What a receiving connection says: the only vocabulary above this crate.

use core::ops::Range;

use crate::reject::Reject;

/// One step of a connection, and how much of the input it used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes at the front of the input that must not be handed in again.
    pub consumed: usize,
    /// What they meant.
    pub event: Event,
}

/// Which request of a connection: with HTTP/1, where one follows the other, all are stream 0; with
/// HTTP/2 it is the number of its stream (RFC 9113, section 5.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StreamId(u32);

impl StreamId {
    /// The stream of every HTTP/1 request.
    pub const HTTP1: Self = Self(0);

    /// The HTTP/2 stream of the request that has asked to go on with HTTP/2 (RFC 7540, section 3.2).
    pub const UPGRADED: Self = Self(1);

    /// The stream with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// What the consumed bytes meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing yet: keep what was not consumed, call again with more behind it. Also the answer
    /// while a finished request waits for its response.
    NeedMore,
    /// A PROXY header was read: [`crate::Connection::proxied`] hands it out.
    Proxied,
    /// A request begins whose answer is sent in records: [`crate::Connection::reply`] says how.
    Begun,
    /// The connection has something to say beside answers to requests, which
    /// [`crate::Connection::answers`] hands out.
    Answers,
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
    /// HTTP/2: a request is refused before or within its body. It gets the page for this reason,
    /// whose [`code`](Reject::code) is `None`; nothing more of it is received. Of a request whose
    /// head is refused there was no [`Head`](Self::Head).
    Refused(StreamId, Reject),
    /// HTTP/2: a stream has ended before its time, and nothing can be sent on it any more. The peer
    /// has given it up, or has done what this reason says. The owner may not know the stream yet.
    Reset(StreamId, Option<Reject>),
    /// HTTP/2: a window has grown: what [`capacity`](crate::h2::Connection::capacity) has stopped
    /// may go on.
    Room,
}
