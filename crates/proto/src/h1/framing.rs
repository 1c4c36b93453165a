//! Body framing of HTTP/1 responses as a decision table (RFC 9112, section 6.3).
//!
//! Pure decisions: no buffers, no I/O.

use crate::head::Version;

/// How the end of a response body is marked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum BodyFraming {
    /// No body follows; what the application gives is dropped.
    #[default]
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks (RFC 9112, section 7.1).
    Chunked,
    /// The end of the connection; with HTTP/2 that of the stream.
    UntilClose,
}

/// What the framing of a response depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ResponseFacts {
    pub(super) version: Version,
    pub(super) status: u16,
    pub(super) head_method: bool,
    pub(super) connect: bool,
    pub(super) length: Option<u64>,
}

/// The body of a response, in the order of the RFC's rules 1 to 8.
#[expect(clippy::match_same_arms, reason = "one row for one rule")]
pub(super) fn response(facts: ResponseFacts) -> BodyFraming {
    match facts {
        ResponseFacts {
            head_method: true, ..
        } => BodyFraming::None,
        ResponseFacts {
            status: 100..=199 | 204 | 304,
            ..
        } => BodyFraming::None,
        ResponseFacts {
            connect: true,
            status: 200..=299,
            ..
        } => BodyFraming::UntilClose,
        ResponseFacts {
            length: Some(length),
            ..
        } => BodyFraming::Length(length),
        ResponseFacts {
            version: Version::Http11,
            ..
        } => BodyFraming::Chunked,
        ResponseFacts {
            version: Version::Http10 | Version::Http2,
            ..
        } => BodyFraming::UntilClose,
    }
}

#[cfg(test)]
mod tests;
