//! The states of a connection as tables: what the peer did, and what is to be sent.
//!
//! Receiving answers every pair, for a peer may send anything at any time. In sending, an unlisted
//! pair is a mistake of our own caller.

/// Where a connection stands (RFC 6455, section 7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Both sides may send.
    #[default]
    Open,
    /// Our close frame was sent: nothing more is sent, and of the peer only its close frame counts.
    Closing,
    /// The peer's close frame was answered, or its bytes have ended.
    Closed,
    /// The peer was refused: nothing of what it sends is looked at any more.
    Refused,
}

/// What was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// A close frame.
    Close,
    /// The end of the bytes.
    Eof,
    /// Something that is refused.
    Fault,
}

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// A text message.
    Text,
    /// A binary message.
    Binary,
    /// A ping.
    Ping,
    /// A pong that no ping has asked for.
    Pong,
    /// The close frame.
    Close,
}

/// A command that may not follow what was sent or received before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfTurn {
    /// The state at that time.
    pub state: State,
    /// The command.
    pub command: Command,
}

impl State {
    /// The state after `got`.
    #[expect(clippy::match_same_arms, reason = "one row for one rule")]
    pub(super) const fn on(self, got: Got) -> Self {
        match (self, got) {
            (Self::Refused, _) => Self::Refused,
            (Self::Closed, _) => Self::Closed,
            // The one that had not sent its close frame yet answers with it (section 5.5.1).
            (Self::Open | Self::Closing, Got::Close) => Self::Closed,
            (Self::Open | Self::Closing, Got::Eof) => Self::Closed,
            (Self::Open | Self::Closing, Got::Fault) => Self::Refused,
        }
    }

    /// The state after `command`. Nothing follows a close frame (section 5.5.1).
    #[inline]
    pub(super) const fn send(self, command: Command) -> Result<Self, OutOfTurn> {
        use Command::{Binary, Close, Ping, Pong, Text};
        match (self, command) {
            (Self::Open, Text | Binary | Ping | Pong) => Ok(Self::Open),
            (Self::Open, Close) => Ok(Self::Closing),
            (state, command) => Err(OutOfTurn { state, command }),
        }
    }
}

#[cfg(test)]
mod tests;
