//! Body framing of HTTP/1 messages as decision tables (RFC 9112, section 6.3).
//!
//! Pure decisions: no buffers, no I/O. A length in doubt is refused.

use crate::head::Version;
use crate::parts::Announced;
use crate::reject::Reject;

/// What a Transfer-Encoding list has said so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Coding {
    /// Nothing: there is no such field, or it was not read yet.
    #[default]
    Absent,
    /// Compression, and no `chunked` yet.
    Compressed,
    /// `chunked`, and nothing before it.
    Chunked,
    /// `chunked` after compression, which is not decoded here.
    CompressedChunked,
    /// A coding that is not known here.
    Unknown,
    /// An empty element, or anything after `chunked`.
    Invalid,
}

impl Coding {
    /// The list with one more element. After `chunked` nothing may come, least of all a second one.
    /// What is wrong first decides, but not here: Content-Length may stand behind.
    pub(super) fn then(self, element: &[u8]) -> Self {
        let chunked = element.eq_ignore_ascii_case(b"chunked");
        let compression = [&b"gzip"[..], b"deflate", b"compress"]
            .iter()
            .any(|name| element.eq_ignore_ascii_case(name));
        match (self, chunked, compression) {
            (Self::Unknown | Self::Invalid, _, _) => self,
            (Self::Absent, true, _) => Self::Chunked,
            (Self::Compressed, true, _) => Self::CompressedChunked,
            (Self::Absent | Self::Compressed, _, true) => Self::Compressed,
            (Self::Chunked | Self::CompressedChunked, true, _)
            | (Self::Chunked | Self::CompressedChunked, _, true) => Self::Invalid,
            _ if element.is_empty() => Self::Invalid,
            _ => Self::Unknown,
        }
    }
}

/// The body of a request. `coding` is `None` without Transfer-Encoding.
pub(super) fn request(
    version: Version,
    coding: Option<Coding>,
    length: Option<u64>,
) -> Result<Announced, Reject> {
    use Coding::{Absent, Chunked, Compressed, CompressedChunked, Invalid, Unknown};
    match (version, coding, length) {
        (_, None, None) => Ok(Announced::Nothing),
        (_, None, Some(length)) => Ok(Announced::Length(length)),
        (_, Some(_), Some(_)) => Err(Reject::LengthAndTransferEncoding),
        (Version::Http10, Some(_), None) => Err(Reject::TransferEncodingOnHttp10),
        (Version::Http11, Some(Absent | Compressed | Invalid), None) => {
            Err(Reject::InvalidTransferEncoding)
        }
        (Version::Http11, Some(CompressedChunked | Unknown), None) => {
            Err(Reject::UnsupportedTransferCoding)
        }
        (Version::Http11, Some(Chunked), None) => Ok(Announced::Chunked),
    }
}

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
    /// The end of the connection, or of the stream.
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
            version: Version::Http10,
            ..
        } => BodyFraming::UntilClose,
    }
}

#[cfg(test)]
mod tests;
