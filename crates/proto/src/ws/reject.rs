//! Every reason to refuse a peer that speaks WebSocket, as two tables: of the handshake, which gets
//! an HTTP response, and of the frames, which end with a close code (RFC 6455, section 7.1.7).
//!
//! Messages are for the log, for the error page and for the close frame; they never repeat what the
//! peer sent.

use crate::reject::reject_table;

reject_table! {
    /// Why a handshake is refused.
    HandshakeReject,
    /// The status code that the client gets.
    status;

    /// The method is not GET.
    NotGet => 400, "WebSocket handshake is not a GET request", "RFC 6455, 4.2.1";
    /// HTTP/1.0 has no Upgrade.
    OldVersion => 400, "WebSocket handshake on HTTP/1.0", "RFC 6455, 4.2.1";
    /// Upgrade does not name `websocket`, or Connection does not name `upgrade`.
    NoUpgrade => 400, "No upgrade to websocket in the WebSocket handshake", "RFC 6455, 4.2.1";
    /// The bytes of a body could not be told from frames by every recipient.
    Body => 400, "WebSocket handshake with a body", "RFC 9110, 7.8";
    /// Sec-WebSocket-Version is missing, or another one than 13.
    UnsupportedVersion => 426, "Unsupported Sec-WebSocket-Version: only 13 is served", "RFC 6455, 4.4";
    /// More than one Sec-WebSocket-Version line.
    RepeatedVersion => 400, "Repeated Sec-WebSocket-Version header", "RFC 6455, 11.3.5";
    /// No Sec-WebSocket-Key.
    MissingKey => 400, "Missing Sec-WebSocket-Key header", "RFC 6455, 4.2.1";
    /// More than one Sec-WebSocket-Key line.
    RepeatedKey => 400, "Repeated Sec-WebSocket-Key header", "RFC 6455, 11.3.1";
    /// Not 16 bytes in base64.
    InvalidKey => 400, "Invalid Sec-WebSocket-Key header: not 16 bytes in base64", "RFC 6455, 4.2.1";
    /// Not a list of different tokens.
    InvalidSubprotocols => 400, "Invalid Sec-WebSocket-Protocol header", "RFC 6455, 4.1";
    /// Not a list of extensions with parameters.
    InvalidExtensions => 400, "Invalid Sec-WebSocket-Extensions header", "RFC 6455, 9.1";
}

impl HandshakeReject {
    /// The reason phrase of the status.
    pub const fn reason(self) -> &'static str {
        match self.status() {
            426 => "Upgrade Required",
            _ => "Bad Request",
        }
    }
}

reject_table! {
    /// Why a connection is failed.
    Reject,
    /// The code of the close frame that the peer gets (RFC 6455, section 7.4.1).
    code;

    /// A reserved bit without an extension that gives it a meaning.
    ReservedBits => 1002, "Reserved bit set in a frame", "RFC 6455, 5.2";
    /// The bit of permessage-deflate in a frame that does not begin a message.
    MisplacedCompression => 1002, "Compression announced inside a message", "RFC 7692, 6.1";
    /// None of the six opcodes.
    ReservedOpcode => 1002, "Reserved opcode", "RFC 6455, 5.2";
    /// A client does not mask its frame.
    UnmaskedFrame => 1002, "Frame of a client is not masked", "RFC 6455, 5.1";
    /// A server masks its frame.
    MaskedFrame => 1002, "Frame of a server is masked", "RFC 6455, 5.1";
    /// A length in more bytes than it needs.
    LongLength => 1002, "Length of a frame is not minimally encoded", "RFC 6455, 5.2";
    /// A length of 2^63 or more.
    InvalidLength => 1002, "Length of a frame has its highest bit set", "RFC 6455, 5.2";
    /// A control frame with more than 125 bytes.
    ControlTooLong => 1002, "Control frame is longer than 125 bytes", "RFC 6455, 5.5";
    /// A control frame without FIN.
    FragmentedControl => 1002, "Control frame is fragmented", "RFC 6455, 5.5";
    /// A continuation frame, and no message to continue.
    NothingToContinue => 1002, "Continuation frame without a message", "RFC 6455, 5.4";
    /// A message begins inside another one.
    InterleavedMessage => 1002, "Message begins inside another message", "RFC 6455, 5.4";
    /// More fragments than [`Policy::fragments`](super::Policy::fragments).
    TooManyFragments => 1008, "Message has too many fragments", "RFC 6455, 10.4";
    /// Larger than [`Policy::message_size`](super::Policy::message_size), once it is inflated.
    MessageTooBig => 1009, "Message is too big", "RFC 6455, 10.4";
    /// What is announced as compressed is not DEFLATE data.
    InvalidDeflate => 1007, "Message is not DEFLATE data", "RFC 7692, 7.2.2";
    /// A text message that is not UTF-8.
    InvalidText => 1007, "Text message is not UTF-8", "RFC 6455, 8.1";
    /// A close frame with one byte.
    CloseTooShort => 1002, "Close frame with half a code", "RFC 6455, 5.5.1";
    /// A close code that is reserved, or that must not be sent.
    InvalidCloseCode => 1002, "Invalid close code", "RFC 6455, 7.4";
    /// The reason in a close frame is not UTF-8.
    InvalidCloseReason => 1007, "Close reason is not UTF-8", "RFC 6455, 5.5.1";
}

#[cfg(test)]
mod tests;
