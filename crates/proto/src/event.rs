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

/// What the consumed bytes meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing yet: keep what was not consumed, call again with more behind it. Also the answer
    /// while a finished request waits for [`next_request`](crate::h1::Connection::next_request).
    NeedMore,
    /// A request head is complete and was written to the `RequestHead`.
    Head,
    /// Bytes of the body: this range of the input that was handed in.
    Body(Range<usize>),
    /// The request is complete, trailers included.
    End,
    /// The peer ended the connection between two requests, or no further request may follow.
    Closed,
}
