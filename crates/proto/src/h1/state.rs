//! The states of a connection as tables: receiving a request, sending its response.
//!
//! Receiving answers every pair, for a peer may send anything at any time. In sending, an unlisted
//! pair is a mistake of our own caller.

/// A request on its way in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Receiving {
    /// Between requests; nothing of the next one was seen.
    #[default]
    Idle,
    /// Inside a head.
    Head,
    /// Inside a body.
    Body,
    /// The request is complete; the next one waits for the response.
    Done,
    /// No further request may come.
    Closed,
    /// Another protocol is spoken: nothing is read here any more.
    Switched,
    /// The peer was refused: nothing of what it sends is looked at any more.
    Refused,
}

/// What was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// First bytes of a head.
    Bytes,
    /// A complete head.
    Head,
    /// The end of the body.
    End,
    /// The end of the connection.
    Eof,
    /// Something that is refused.
    Fault,
    /// The response is done, and another request may follow.
    Next,
    /// The response is done, and it was the last one.
    Last,
    /// The response is done, and another protocol follows it.
    Switch,
}

impl Receiving {
    /// The state after `got`.
    #[expect(clippy::match_same_arms, reason = "one row for one rule")]
    pub(super) const fn on(self, got: Got) -> Self {
        match (self, got) {
            (Self::Switched, _) | (Self::Done, Got::Switch) => Self::Switched,
            (Self::Refused, _) | (_, Got::Fault) => Self::Refused,
            (Self::Closed, _) | (Self::Idle | Self::Done, Got::Eof) => Self::Closed,
            // A head or a body that is cut short must never look like a complete one.
            (Self::Head | Self::Body, Got::Eof) => Self::Refused,
            (Self::Idle, Got::Bytes) => Self::Head,
            (Self::Idle | Self::Head, Got::Head) => Self::Body,
            (Self::Body, Got::End) => Self::Done,
            (Self::Done, Got::Next) => Self::Idle,
            // Answered before it was read to its end: where the next one starts is not known.
            (Self::Head | Self::Body, Got::Next) | (_, Got::Last | Got::Switch) => Self::Closed,
            (Self::Idle, Got::Next | Got::End)
            | (Self::Head, Got::Bytes | Got::End)
            | (Self::Body, Got::Bytes | Got::Head)
            | (Self::Done, Got::Bytes | Got::Head | Got::End) => self,
        }
    }
}

/// A response on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sending {
    /// The head was not sent yet; interim responses may be.
    #[default]
    Head,
    /// The head was sent, the body is under way.
    Body,
    /// The response is complete.
    Done,
    /// Nothing more can be sent.
    Closed,
}

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// An interim response (1xx other than 101).
    Interim,
    /// The head of the final response.
    Head,
    /// Some of the body.
    Body,
    /// The end of the body.
    End,
    /// The rest of the response is given up, and with HTTP/1 the connection.
    Reset,
}

/// A command that may not follow those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfTurn {
    /// The state at that time.
    pub state: Sending,
    /// The command.
    pub command: Command,
}

impl Sending {
    /// The state after `command`.
    #[inline]
    pub fn on(self, command: Command) -> Result<Self, OutOfTurn> {
        use Sending::{Body, Closed, Done, Head};
        Ok(match (self, command) {
            (Head, Command::Interim) => Head,
            (Head, Command::Head) | (Body, Command::Body) => Body,
            (Body, Command::End) => Done,
            (Head | Body | Done | Closed, Command::Reset) => Closed,
            (state, command) => return Err(OutOfTurn { state, command }),
        })
    }
}

#[cfg(test)]
mod tests;
