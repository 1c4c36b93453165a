//! Error codes of `RST_STREAM` and GOAWAY (RFC 9113, section 7), and which reason has which.

use crate::reject::Reject;

/// Why a stream or a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ErrorCode {
    /// No error.
    NoError = 0x0,
    /// The peer broke the protocol.
    ProtocolError = 0x1,
    /// Something failed on this side.
    InternalError = 0x2,
    /// The peer sent more than the window allows.
    FlowControlError = 0x3,
    /// SETTINGS were not acknowledged in time.
    SettingsTimeout = 0x4,
    /// A frame on a stream that is half-closed or closed.
    StreamClosed = 0x5,
    /// A frame has a wrong size.
    FrameSizeError = 0x6,
    /// The request was not looked at: it can safely be sent again.
    RefusedStream = 0x7,
    /// The stream is not needed any more.
    Cancel = 0x8,
    /// A header block cannot be decoded.
    CompressionError = 0x9,
    /// The connection that CONNECT has asked for has failed.
    ConnectError = 0xa,
    /// The peer causes too much work.
    EnhanceYourCalm = 0xb,
    /// The transport is not secure enough.
    InadequateSecurity = 0xc,
    /// This request wants HTTP/1.1.
    Http11Required = 0xd,
}

impl ErrorCode {
    /// The names, by what is sent.
    pub const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];

    /// As it is sent.
    pub const fn number(self) -> u32 {
        self as u32
    }
}

/// The code of the GOAWAY for a reason.
pub fn goaway_code(reject: Reject) -> ErrorCode {
    reject.code().unwrap_or(ErrorCode::ProtocolError)
}

/// The code that goes with a reason, if only HTTP/2 has it.
pub(crate) const fn of(reject: Reject) -> Option<ErrorCode> {
    use Reject as R;
    Some(match reject {
        R::InvalidPreface
        | R::MissingPreface
        | R::InvalidUpgradeSettings
        | R::SettingsExpected
        | R::InvalidPadding
        | R::FrameOnWrongStream
        | R::InvalidStreamId
        | R::FrameOnIdleStream
        | R::UnexpectedPush
        | R::HeaderBlockInterrupted
        | R::UnexpectedContinuation
        | R::SelfDependency
        | R::InvalidPriorityUpdate
        | R::InvalidSetting
        | R::EmptyWindowUpdate
        | R::MalformedFieldName
        | R::MalformedFieldValue
        | R::ConnectionSpecificField
        | R::InvalidPseudoField
        | R::WrongPseudoFields
        | R::ContradictoryHost
        | R::TrailersWithoutEnd
        | R::ContentLengthMismatch => ErrorCode::ProtocolError,
        R::FrameTooLarge | R::InvalidFrameSize => ErrorCode::FrameSizeError,
        R::FrameOnClosedStream => ErrorCode::StreamClosed,
        R::InvalidInitialWindow | R::WindowOverflow | R::WindowExceeded => {
            ErrorCode::FlowControlError
        }
        R::HeaderBlockCutShort
        | R::InvalidHeaderIndex
        | R::HeaderIntegerTooLarge
        | R::InvalidHuffman
        | R::InvalidTableSize => ErrorCode::CompressionError,
        R::TooManyStreams | R::HeadsTooLarge => ErrorCode::RefusedStream,
        R::HeaderBlockTooLarge
        | R::TooManyContinuations
        | R::TooManyResets
        | R::TooManyPings
        | R::TooManyEmptyFrames
        | R::TooManyIdleFrames
        | R::TooManyWindowUpdates
        | R::UnreadAnswers => ErrorCode::EnhanceYourCalm,
        _ => return None,
    })
}
