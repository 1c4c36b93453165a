//! Body framing of requests as a decision table (RFC 9112, section 6.3; RFC 9113, section 8.1).
//!
//! Pure decisions: no buffers, no I/O. A length in doubt is refused.

use crate::head::Version;
use crate::parts::Announced;
use crate::reject::Reject;

/// What a Transfer-Encoding list has said so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Coding {
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
    pub(crate) fn then(self, element: &[u8]) -> Self {
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
pub(crate) fn request(
    version: Version,
    coding: Option<Coding>,
    length: Option<u64>,
) -> Result<Announced, Reject> {
    use Coding::{Absent, Chunked, Compressed, CompressedChunked, Invalid, Unknown};
    match (version, coding, length) {
        (Version::Http10 | Version::Http11, None, None) => Ok(Announced::Nothing),
        (Version::Http2, None, None) => Ok(Announced::UntilEnd),
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
        (Version::Http2, Some(_), None) => Err(Reject::ConnectionSpecificField),
    }
}

#[cfg(test)]
mod tests;
