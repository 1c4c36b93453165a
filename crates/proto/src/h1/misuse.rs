//! What an application can do wrong with its response: our caller's fault, never the peer's.

/// What the application did wrong. It becomes an exception in the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Misuse {
    /// The status is not three digits with an optional reason phrase.
    InvalidStatus,
    /// A field name is not a token.
    InvalidFieldName,
    /// A field value holds a control character.
    InvalidFieldValue,
    /// Content-Length is not a number.
    InvalidContentLength,
    /// Two different Content-Length.
    ConflictingContentLength,
    /// A field before the status.
    NotStarted,
}

impl Misuse {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::InvalidStatus,
        Self::InvalidFieldName,
        Self::InvalidFieldValue,
        Self::InvalidContentLength,
        Self::ConflictingContentLength,
        Self::NotStarted,
    ];

    /// One line for the exception. The value is not repeated: it may hold what must not be logged.
    pub const fn message(self) -> &'static str {
        match self {
            Self::InvalidStatus => "Invalid HTTP status: not three digits with an optional reason",
            Self::InvalidFieldName => "Invalid HTTP header name: not a token",
            Self::InvalidFieldValue => "Invalid HTTP header value: control characters",
            Self::InvalidContentLength => "Invalid Content-Length: not a decimal number",
            Self::ConflictingContentLength => "Invalid Content-Length: two different values",
            Self::NotStarted => "HTTP header before the status",
        }
    }
}
