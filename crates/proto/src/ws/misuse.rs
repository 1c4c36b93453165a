//! What an application can do wrong with a WebSocket: our caller's fault, never the peer's.

use super::state::OutOfTurn;
use crate::h1;

/// Why a command was not carried out. It becomes an exception in the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// It may not follow what was sent or received before.
    OutOfTurn(OutOfTurn),
    /// A close code that no endpoint may send (RFC 6455, section 7.4).
    InvalidCloseCode,
    /// A reason without a code: a close frame has no room for it.
    ReasonWithoutCode,
    /// A close reason of more than 123 bytes.
    ReasonTooLong,
    /// A ping or pong with more than 125 bytes.
    ControlTooLong,
    /// A subprotocol that the client does not offer (RFC 6455, section 4.2.2).
    SubprotocolNotOffered,
    /// A field of the response that accepts.
    Field(h1::Misuse),
}

impl Misuse {
    /// One line for the exception. The value is not repeated: it may hold what must not be logged.
    pub const fn message(self) -> &'static str {
        match self {
            Self::OutOfTurn(_) => "WebSocket is closed or closing: nothing can be sent",
            Self::InvalidCloseCode => {
                "Invalid close code: not 1000 to 1003, 1007 to 1014 or 3000 to 4999"
            }
            Self::ReasonWithoutCode => "Close reason without a code",
            Self::ReasonTooLong => "Close reason is longer than 123 bytes in UTF-8",
            Self::ControlTooLong => "Ping or pong is longer than 125 bytes",
            Self::SubprotocolNotOffered => "Subprotocol is none of those that the client offers",
            Self::Field(misuse) => misuse.message(),
        }
    }
}

impl From<OutOfTurn> for Misuse {
    fn from(error: OutOfTurn) -> Self {
        Self::OutOfTurn(error)
    }
}

impl From<h1::Misuse> for Misuse {
    fn from(misuse: h1::Misuse) -> Self {
        Self::Field(misuse)
    }
}
