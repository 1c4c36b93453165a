//! The states of a stream as a table (RFC 9113, section 5.1): what a frame of the peer does in each.

use crate::reject::Reject;

/// A stream, seen from the server. A stream that is closed is remembered by the way it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    /// Not opened yet.
    Idle,
    /// Both sides may send.
    Open,
    /// The response is complete, the request is not.
    HalfClosedLocal,
    /// The request is complete, the response is not.
    HalfClosedRemote,
    /// Closed: both sides have ended it.
    Ended,
    /// Closed by `RST_STREAM` of the peer.
    ResetByPeer,
    /// Closed by `RST_STREAM` of the server, or never looked at behind its GOAWAY: the peer may not
    /// know yet.
    ResetByUs,
    /// Closed without having been opened: a stream with a higher number was.
    Skipped,
}

/// A frame of the peer on a stream. PRIORITY may come in any state, and does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Got {
    /// HEADERS with all its CONTINUATION; `end` is `END_STREAM`.
    Headers { end: bool },
    /// DATA.
    Data { end: bool },
    /// `RST_STREAM`.
    Reset,
    /// `WINDOW_UPDATE`.
    WindowUpdate,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It belongs here, and the stream is in this state then.
    Next(State),
    /// It came too late to matter.
    Ignored,
    /// A stream error.
    Stream(Reject),
    /// A connection error.
    Connection(Reject),
}

impl State {
    /// What a frame does.
    #[expect(clippy::match_same_arms, reason = "one row for one rule")]
    pub(super) const fn on(self, got: Got) -> Verdict {
        use State::{
            Ended, HalfClosedLocal, HalfClosedRemote, Idle, Open, ResetByPeer, ResetByUs, Skipped,
        };
        use Verdict::{Connection, Ignored, Next, Stream};
        match (self, got) {
            (Idle, Got::Headers { end: false }) => Next(Open),
            (Idle, Got::Headers { end: true }) => Next(HalfClosedRemote),
            (Idle, Got::Data { .. } | Got::Reset | Got::WindowUpdate) => {
                Connection(Reject::FrameOnIdleStream)
            }

            // Trailers end the stream (section 8.1).
            (Open | HalfClosedLocal, Got::Headers { end: false }) => {
                Stream(Reject::TrailersWithoutEnd)
            }
            (Open, Got::Headers { end: true } | Got::Data { end: true }) => Next(HalfClosedRemote),
            (HalfClosedLocal, Got::Headers { end: true } | Got::Data { end: true }) => Next(Ended),
            (Open | HalfClosedLocal, Got::Data { end: false }) => Next(self),
            (HalfClosedRemote, Got::Headers { .. } | Got::Data { .. }) => {
                Stream(Reject::FrameOnClosedStream)
            }
            (Open | HalfClosedLocal | HalfClosedRemote, Got::WindowUpdate) => Next(self),
            (Open | HalfClosedLocal | HalfClosedRemote, Got::Reset) => Next(ResetByPeer),

            // Frames that crossed the end of the stream on their way.
            (Ended | ResetByPeer | Skipped, Got::Reset | Got::WindowUpdate) => Ignored,
            (ResetByUs, _) => Ignored,
            (Ended, Got::Headers { .. } | Got::Data { .. }) => {
                Connection(Reject::FrameOnClosedStream)
            }
            (ResetByPeer, Got::Headers { .. } | Got::Data { .. }) => {
                Stream(Reject::FrameOnClosedStream)
            }
            // Section 5.1.1: numbers only grow.
            (Skipped, Got::Headers { .. }) => Connection(Reject::InvalidStreamId),
            (Skipped, Got::Data { .. }) => Connection(Reject::FrameOnClosedStream),
        }
    }

    /// The state once the server has sent `END_STREAM`.
    pub(super) const fn on_sent_end(self) -> Self {
        match self {
            Self::Open => Self::HalfClosedLocal,
            Self::HalfClosedRemote => Self::Ended,
            other => other,
        }
    }

    /// Whether the server may send HEADERS and DATA.
    pub(super) const fn sends(self) -> bool {
        matches!(self, Self::Open | Self::HalfClosedRemote)
    }

    /// Whether the peer may.
    pub(super) const fn receives(self) -> bool {
        matches!(self, Self::Open | Self::HalfClosedLocal)
    }
}

#[cfg(test)]
mod tests;
