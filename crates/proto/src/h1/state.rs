//! The states of a connection as tables. An unlisted pair is a mistake of our own caller.

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

/// What was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// An interim response (1xx other than 101).
    Interim,
    /// The head of the final response.
    Head,
    /// Some of the body.
    Body,
    /// The end of the body.
    End,
    /// The connection was given up.
    Abort,
}

/// Something was sent at the wrong time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfTurn {
    /// The state at that time.
    pub state: Sending,
    /// What was sent.
    pub sent: Sent,
}

impl Sending {
    /// The state after `sent`.
    pub fn on(self, sent: Sent) -> Result<Self, OutOfTurn> {
        use Sending::{Body, Closed, Done, Head};
        Ok(match (self, sent) {
            (Head, Sent::Interim) => Head,
            (Head, Sent::Head) | (Body, Sent::Body) => Body,
            (Body, Sent::End) => Done,
            (Head | Body | Done | Closed, Sent::Abort) => Closed,
            (state, sent) => return Err(OutOfTurn { state, sent }),
        })
    }
}
